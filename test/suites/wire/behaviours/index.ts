import type { Behaviour } from '../behaviour';
import { authBehaviours } from './auth';
import { dataBehaviours } from './data';
import { envelopeBehaviours } from './envelope';
import { floodBehaviours } from './floods';
import { hostBehaviours } from './hosts';
import { lmtpBehaviours } from './lmtp';
import { messageBehaviours } from './messages';
import { offerBehaviours } from './offers';
import { pipeliningBehaviours } from './pipelining';
import { pointBehaviours } from './points';
import { replyBehaviours } from './replies';
import { timeBehaviours } from './time';

/** Everything that `npm run test:wire` runs. */
export const behaviours: readonly Behaviour[] = [
  ...pointBehaviours,
  ...replyBehaviours,
  ...offerBehaviours,
  ...envelopeBehaviours,
  ...pipeliningBehaviours,
  ...dataBehaviours,
  ...messageBehaviours,
  ...hostBehaviours,
  ...lmtpBehaviours,
  ...authBehaviours,
  ...timeBehaviours,
  ...floodBehaviours,
];
