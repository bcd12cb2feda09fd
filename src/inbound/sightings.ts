/** Incoming messages as the record counts them: one for each managed domain that a message is for. */
import type { PeerKey } from '../evidence/day_table';
import { peerName } from '../evidence/peer_name';
import { unseen, type Sighting } from '../evidence/sighting';
import { managedDomain } from '../peers/candidates';
import type { RuleSet } from '../peers/rule_set';
import { tlsVersion } from '../tls/version';
import type { Client, FoundForClient } from './client_rule';
import type { Protection, RecipientVerdict } from './decide';

/** One recipient, judged. */
export interface Judged {
  readonly settings: RuleSet;
  readonly client: Client;
  readonly recipientDomain: string;
  readonly found: FoundForClient;
  readonly verdict: RecipientVerdict;
  readonly seen: Protection;
}

type Counted = (key: PeerKey, sighting: Sighting) => void;

interface Waiting {
  readonly key: PeerKey;
  readonly sighting: Sighting;
}

export class InboundSightings {
  /** What each message is counted as once it is accepted, by the domain of its recipients. */
  readonly #admitted = new WeakMap<object, Map<string, Waiting>>();
  /** Refusals that are counted: once for each message and managed domain. */
  readonly #refused = new WeakMap<object, Set<string>>();
  readonly #count: Counted;

  constructor(count: Counted) {
    this.#count = count;
  }

  judged(transaction: object, judged: Judged): void {
    const { verdict, found } = judged;
    // No rule is meant for this client: one of our own users.
    if (found.kind === 'none') return;
    const key = keyOf(judged);
    const sighting = sightingOf(judged);
    if (verdict.kind === 'refused') {
      const counted = this.#refused.get(transaction) ?? new Set<string>();
      this.#refused.set(transaction, counted);
      if (counted.has(key.managed)) return;
      counted.add(key.managed);
      this.#count(key, sighting);
      return;
    }
    const admitted = this.#admitted.get(transaction) ?? new Map<string, Waiting>();
    this.#admitted.set(transaction, admitted);
    admitted.set(judged.recipientDomain, { key, sighting });
  }

  /** The message was taken. @param recipientDomains of those recipients that are left */
  accepted(transaction: object, recipientDomains: readonly string[]): void {
    const admitted = this.#admitted.get(transaction);
    if (admitted === undefined) return;
    this.#admitted.delete(transaction);
    const counted = new Set<string>();
    for (const domain of recipientDomains) {
      const one = admitted.get(domain);
      if (one === undefined || counted.has(one.key.managed)) continue;
      counted.add(one.key.managed);
      this.#count(one.key, one.sighting);
    }
  }
}

/** Under the network, where the rule is one for a network; else under the sender's domain. */
function keyOf({ settings, client, recipientDomain, found }: Judged): PeerKey {
  const network = found.kind === 'rule' ? found.rule.network : undefined;
  return {
    managed: managedDomain(settings, recipientDomain),
    direction: 'in',
    peer: network ?? peerName(client.senderDomain),
  };
}

function sightingOf({ found, verdict, seen }: Judged): Sighting {
  return {
    ...unseen,
    outcome: verdict.kind === 'refused' ? 'refused' : 'accepted',
    level: found.kind === 'rule' ? found.rule.level : 'unknown',
    enforcement: found.kind === 'rule' ? found.rule.enforcement : 'enforce',
    ...protectionOf(seen),
    reason: verdict.kind === 'admitted' ? 'none' : verdict.failure.reason,
  };
}

function protectionOf(seen: Protection): Pick<Sighting, 'tls' | 'startTls' | 'group' | 'verified'> {
  switch (seen.kind) {
    case 'tls':
      return {
        tls: tlsVersion(seen.protocol) ?? 'unknown',
        startTls: 'used',
        group: 'unknown',
        verified: 'unauthenticated',
      };
    case 'null_cipher':
      return { tls: 'none', startTls: 'used', group: 'none', verified: 'none' };
    case 'cleartext':
      return {
        tls: 'none',
        startTls: seen.startTls === 'withheld' ? 'not_tried' : 'not_offered',
        group: 'none',
        verified: 'none',
      };
  }
}
