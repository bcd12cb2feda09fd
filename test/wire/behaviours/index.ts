import type { Behaviour } from '../behaviour';
import { dataBehaviours } from './data';
import { envelopeBehaviours } from './envelope';
import { pointBehaviours } from './points';
import { replyBehaviours } from './replies';

/** Everything that `npm run test:wire` runs. */
export const behaviours: readonly Behaviour[] = [
  ...pointBehaviours,
  ...replyBehaviours,
  ...envelopeBehaviours,
  ...dataBehaviours,
];
