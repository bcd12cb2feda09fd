/**
 * What one message did not show of a peer, and others in the same window did: those of another managed domain, or under another
 * rule. Only where all of them agree, and of peers with one host. Pure.
 */
import { otherPeers } from '../day_table';
import type { DayCounts } from '../evidence';
import type { Sighting } from '../sighting';

type Handshake = Pick<Sighting, 'startTls' | 'tls'>;
type Certificate = Pick<Sighting, 'pkix' | 'named'>;

/** A fact by everybody who saw it; `differs` where they do not agree. */
type Agreed<Fact> = Fact | 'unseen' | 'differs';

interface OfPeer {
  hosts: 'one' | 'several';
  mx: Agreed<Sighting['mx']>;
  tlsa: Agreed<Sighting['tlsa']>;
  policy: Agreed<Sighting['policy']>;
  handshake: Agreed<Handshake>;
  certificate: Agreed<Certificate>;
}

export type Completing = (peer: string, seen: Sighting) => Sighting;

/** @param rows of all managed domains, also where only one of them is asked about */
export function knownOtherwise(rows: readonly DayCounts[]): Completing {
  const peers = new Map<string, OfPeer>();
  for (const { key, sightings } of rows) {
    if (key.direction !== 'out' || key.peer === otherPeers) continue;
    let peer = peers.get(key.peer);
    if (peer === undefined) peers.set(key.peer, (peer = nothing()));
    for (const [seen] of sightings) note(peer, seen);
  }
  return (name, seen) => {
    const peer = peers.get(name);
    return peer === undefined ? seen : completed(seen, peer);
  };
}

function nothing(): OfPeer {
  return {
    hosts: 'one',
    mx: 'unseen',
    tlsa: 'unseen',
    policy: 'unseen',
    handshake: 'unseen',
    certificate: 'unseen',
  };
}

function note(peer: OfPeer, seen: Sighting): void {
  if (seen.otherHosts !== 'none') peer.hosts = 'several';
  if (seen.mx !== 'unknown') peer.mx = agreed(peer.mx, seen.mx);
  if (seen.tlsa !== 'unknown') peer.tlsa = agreed(peer.tlsa, seen.tlsa);
  if (seen.policy !== 'unknown') peer.policy = agreed(peer.policy, seen.policy);
  if (!isTold(seen)) return;
  peer.handshake = agreed(peer.handshake, { startTls: seen.startTls, tls: seen.tls });
  // With roots of its own, a rule has seen something else.
  if (seen.startTls === 'used' && seen.pkix !== 'unknown')
    peer.certificate = agreed(
      peer.certificate,
      seen.pkix === 'pass_added' ? 'differs' : { pkix: seen.pkix, named: seen.named },
    );
}

/** Whether a handshake says the same whatever it was asked for. */
function isTold({ startTls, tls }: Sighting): boolean {
  if (startTls === 'used') return tls !== 'unknown' && tls !== 'none';
  return startTls === 'not_offered' || startTls === 'broken';
}

function agreed<Fact>(before: Agreed<Fact>, seen: Agreed<Fact>): Agreed<Fact> {
  return before === 'unseen' || JSON.stringify(before) === JSON.stringify(seen) ? seen : 'differs';
}

const open: ReadonlySet<Sighting['startTls']> = new Set(['unknown', 'not_tried', 'too_old']);

function completed(seen: Sighting, peer: OfPeer): Sighting {
  if (peer.hosts === 'several' || peer.mx === 'differs') return seen;
  const more: { -readonly [Field in keyof Sighting]?: Sighting[Field] } = {};
  if (seen.mx === 'unknown' && isKnown(peer.mx)) more.mx = peer.mx;
  if (seen.tlsa === 'unknown' && isKnown(peer.tlsa)) more.tlsa = peer.tlsa;
  if (seen.policy === 'unknown' && isKnown(peer.policy)) more.policy = peer.policy;
  if (open.has(seen.startTls) && isKnown(peer.handshake)) Object.assign(more, peer.handshake);
  const startTls = more.startTls ?? seen.startTls;
  if (startTls === 'used' && seen.pkix === 'unknown' && isKnown(peer.certificate))
    Object.assign(more, peer.certificate);
  return { ...seen, ...more };
}

function isKnown<Fact>(fact: Agreed<Fact>): fact is Exclude<Fact, 'unseen' | 'differs'> {
  return fact !== 'unseen' && fact !== 'differs';
}
