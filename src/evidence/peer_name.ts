/** Under which name a peer is counted. Pure. */
import { canonicalDomain } from '../names';
import { otherPeers } from './day_table';

/** The null sender. */
export const nullSender = '<>';

/**
 * @param domain of an envelope address, in any form; empty for the null sender
 * @returns what no name and no address is goes with the others
 */
export function peerName(domain: string): string {
  if (domain === '') return nullSender;
  const name = canonicalDomain(domain);
  if (name !== undefined) return name;
  return /^\[[\da-f:.ipv]{2,60}\]$/i.test(domain) ? domain.toLowerCase() : otherPeers;
}
