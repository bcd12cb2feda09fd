import type { Destination } from '../dns/types';
import type { StsFacts } from '../mta_sts/types';

/** What a decision is made from: where the mail goes and what DNSSEC says of it, and the policy of the domain. */
export interface Facts {
  readonly destination: Destination;
  readonly sts: StsFacts;
}
