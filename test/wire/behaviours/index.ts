import type { Behaviour } from '../behaviour';
import { pointBehaviours } from './points';

/** Everything that `npm run test:wire` runs. */
export const behaviours: readonly Behaviour[] = [...pointBehaviours];
