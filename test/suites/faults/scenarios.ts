import { hostScenarios } from './hosts';
import { peerScenarios } from './peers';
import { routeScenarios } from './routes';
import type { Scenario } from './scenario';
import { settingScenarios } from './settings';

/** Everything that `npm run test:faults` runs. */
export const scenarios: readonly Scenario[] = [
  ...peerScenarios,
  ...hostScenarios,
  ...routeScenarios,
  ...settingScenarios,
];
