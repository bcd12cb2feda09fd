/**
 * The peers of one managed domain in one direction, arranged so that finding those that fit takes as many steps as a
 * name has labels, or as there are different prefix lengths, however many peers there are.
 */
import { canonicalDomain } from '../names';
import { formatNetwork, maskTo, parseNetwork, type Address, type Network } from './network';
import type { Section } from './section';

/** What a section's header names. */
export type Peer =
  | { readonly kind: 'name'; readonly name: string }
  /** Every name below `domain`, at any depth; not `domain` itself. */
  | { readonly kind: 'wildcard'; readonly domain: string }
  | { readonly kind: 'network'; readonly network: Network };

/** @returns `undefined` where `text` is neither a domain, nor `*.` and a domain, nor an address or network. */
export function parsePeer(text: string): Peer | undefined {
  // Most peers are names, and only what holds a colon or ends in a digit can be an address.
  const network = /:|\d$/.test(text) ? parseNetwork(text) : undefined;
  if (network !== undefined) return { kind: 'network', network };
  const wildcard = text.startsWith('*.');
  const name = canonicalDomain(wildcard ? text.slice(2) : text);
  if (name === undefined) return undefined;
  return wildcard ? { kind: 'wildcard', domain: name } : { kind: 'name', name };
}

/** The one way to write a peer: two headers that mean the same peer give the same text. */
export function formatPeer(peer: Peer): string {
  switch (peer.kind) {
    case 'name':
      return peer.name;
    case 'wildcard':
      return `*.${peer.domain}`;
    case 'network':
      return formatNetwork(peer.network);
  }
}

/** The networks of one prefix length, by their leading bits. */
interface PrefixGroup<S> {
  readonly prefix: number;
  readonly networks: ReadonlyMap<bigint, S>;
}

export interface PeerIndex<S> {
  readonly size: number;
  readonly names: ReadonlyMap<string, S>;
  readonly wildcards: ReadonlyMap<string, S>;
  /** Longest prefix first. */
  readonly networks: { readonly 4: readonly PrefixGroup<S>[]; readonly 6: readonly PrefixGroup<S>[] };
}

/** Of two entries for the same peer the later one counts; the reader of the configuration refuses such files. */
export function buildIndex<S extends Section<unknown>>(peers: Iterable<readonly [Peer, S]>): PeerIndex<S> {
  const names = new Map<string, S>();
  const wildcards = new Map<string, S>();
  const networks = { 4: new Map<number, Map<bigint, S>>(), 6: new Map<number, Map<bigint, S>>() };
  let size = 0;
  for (const [peer, section] of peers) {
    size++;
    if (peer.kind === 'name') names.set(ownCopy(peer.name), section);
    else if (peer.kind === 'wildcard') wildcards.set(ownCopy(peer.domain), section);
    else addNetwork(networks[peer.network.family], peer.network, section);
  }
  return {
    size,
    names,
    wildcards,
    networks: { 4: longestFirst(networks[4]), 6: longestFirst(networks[6]) },
  };
}

/** A canonical name is ASCII. What is cut out of a file's text refers to it, and is one more step away. */
function ownCopy(name: string): string {
  return Buffer.from(name, 'latin1').toString('latin1');
}

function addNetwork<S>(groups: Map<number, Map<bigint, S>>, network: Network, section: S): void {
  const group = groups.get(network.prefix) ?? new Map<bigint, S>();
  groups.set(network.prefix, group.set(network.bits, section));
}

function longestFirst<S>(groups: ReadonlyMap<number, ReadonlyMap<bigint, S>>): PrefixGroup<S>[] {
  return [...groups].map(([prefix, networks]) => ({ prefix, networks })).sort((a, b) => b.prefix - a.prefix);
}

/** Every section, in no particular order. */
export function* allSections<S>(index: PeerIndex<S>): Generator<S> {
  yield* index.names.values();
  yield* index.wildcards.values();
  yield* networkSections(index);
}

/** The sections for addresses and networks, in no particular order. */
export function* networkSections<S>(index: PeerIndex<S>): Generator<S> {
  for (const { networks } of [...index.networks[4], ...index.networks[6]]) yield* networks.values();
}

/** Every section with its peer as `formatPeer` writes it. */
export function* sectionsByPeer<S>(index: PeerIndex<S>): Generator<readonly [peer: string, section: S]> {
  yield* index.names;
  for (const [domain, section] of index.wildcards) yield [`*.${domain}`, section];
  for (const family of [4, 6] as const) {
    for (const { prefix, networks } of index.networks[family]) {
      for (const [bits, section] of networks) yield [formatNetwork({ family, prefix, bits }), section];
    }
  }
}

/** The sections whose network holds `address`, longest prefix first. */
export function* sectionsForAddress<S>(index: PeerIndex<S>, address: Address): Generator<S> {
  for (const { prefix, networks } of index.networks[address.family]) {
    const found = networks.get(maskTo(address, prefix));
    if (found !== undefined) yield found;
  }
}

/** The sections that fit `name` (canonical): the exact one, then wildcards from the longest to the shortest. */
export function* sectionsForName<S>(index: PeerIndex<S>, name: string): Generator<S> {
  const exact = index.names.get(name);
  if (exact !== undefined) yield exact;
  if (index.wildcards.size === 0) return;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const wildcard = index.wildcards.get(name.slice(dot + 1));
    if (wildcard !== undefined) yield wildcard;
  }
}
