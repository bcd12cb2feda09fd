/** Under which name a peer is counted. Pure. */
import { canonicalDomain } from '../names';
import { parseNetwork } from '../peers/network';
import { otherPeers, type PeerKey } from './day_table';

/** The null sender. */
export const nullSender = '<>';

const literal = /^\[[\da-f:.ipv]{2,60}\]$/i;

/**
 * @param domain of an envelope address, in any form; empty for the null sender
 * @returns what no name and no address is goes with the others
 */
export function peerName(domain: string): string {
  if (domain === '') return nullSender;
  const name = canonicalDomain(domain);
  if (name !== undefined) return name;
  return literal.test(domain) ? domain.toLowerCase() : otherPeers;
}

/** Whether it is in the form in which peers are counted: for a record that somebody else may have written. */
export function isPeerKey({ managed, peer }: PeerKey): boolean {
  if (managed !== '' && canonicalDomain(managed) !== managed) return false;
  if (canonicalDomain(peer) === peer || peer === otherPeers || peer === nullSender) return true;
  return literal.test(peer) || (peer.length < 64 && parseNetwork(peer) !== undefined);
}
