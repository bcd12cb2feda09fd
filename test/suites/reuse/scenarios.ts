/** All of them. */
import { limitScenarios } from './limit_scenarios';
import { peerScenarios } from './peer_scenarios';
import { processScenarios } from './process_scenarios';
import { ruleScenarios } from './rule_scenarios';
import type { Scenario } from './scenario';
import { wayScenarios } from './way_scenarios';

export const scenarios: readonly Scenario[] = [
  ...ruleScenarios,
  ...peerScenarios,
  ...wayScenarios,
  ...limitScenarios,
  ...processScenarios,
];
