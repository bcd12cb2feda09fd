import { peerScenarios } from './peers';
import type { Scenario } from './scenario';

/** Everything that `npm run test:faults` runs. */
export const scenarios: readonly Scenario[] = [...peerScenarios];
