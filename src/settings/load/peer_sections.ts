/** The sections for peers in one file: `[outbound PEER]` and `[inbound PEER]`. */
import { buildIndex, formatPeer, parsePeer, type Peer, type PeerIndex } from '../../peers/index';
import { enclosingNetwork, formatNetwork } from '../../peers/network';
import type { Section } from '../../peers/section';
import type { LocatedSection } from '../ini/locate';
import type { Fault } from '../schema/fault';
import { readRoots } from './ca_file';
import type { Recorder } from './file';

export type Direction = 'outbound' | 'inbound';

export interface PeerHeader {
  readonly kind: 'peer';
  readonly direction: Direction;
  readonly peer: string;
}

/** `undefined` where a section's name is not that of a peer's. */
export function parsePeerHeader(name: string): PeerHeader | undefined {
  const [, direction, peer = ''] = /^(outbound|inbound)\s+(.+)$/.exec(name) ?? [];
  return direction === undefined ? undefined : { kind: 'peer', direction: direction as Direction, peer };
}

/** What is wrong with a header, for a fault at its section. */
export type HeaderFault = Pick<Fault, 'problem' | 'allowed' | 'suggestion'>;

/** The peers of one direction, as they are found one by one. */
export class PeerSections<V extends object> {
  readonly #found: [Peer, Section<V>][] = [];
  /** Where each peer stands first. */
  readonly #lines = new Map<string, number | undefined>();

  readonly #direction: Direction;
  readonly #read: (at: LocatedSection) => Section<V>;
  readonly #fault: (at: LocatedSection, about: HeaderFault) => void;

  /**
   * @param read what a section says, its faults being said there
   * @param fault is told what is wrong with a header
   */
  constructor(
    direction: Direction,
    read: (at: LocatedSection) => Section<V>,
    fault: (at: LocatedSection, about: HeaderFault) => void,
  ) {
    this.#direction = direction;
    this.#read = read;
    this.#fault = fault;
  }

  add(text: string, at: LocatedSection): void {
    const peer = parsePeer(text);
    if (peer === undefined || (this.#direction === 'outbound' && peer.kind === 'network')) {
      this.#fault(at, badPeer(this.#direction, text));
      // The keys are looked at all the same.
      this.#read(at);
      return;
    }
    const canonical = formatPeer(peer);
    const earlier = this.#lines.get(canonical);
    if (earlier !== undefined)
      this.#fault(at, { problem: `${canonical} stands twice, first at line ${earlier}` });
    this.#lines.set(canonical, at.line);
    const section = this.#read(at);
    this.#found.push([
      peer,
      peer.kind === 'network' ? Object.freeze({ ...section, network: canonical }) : section,
    ]);
  }

  index(): PeerIndex<Section<V>> {
    return buildIndex(this.#found);
  }
}

function badPeer(direction: Direction, text: string): HeaderFault {
  const allowed = `a domain, *. and a domain${direction === 'inbound' ? ', an address or a network' : ''}`;
  const network = enclosingNetwork(text);
  if (network === undefined)
    return { problem: 'no peer', allowed, suggestion: text === '*' ? `[${direction}]` : undefined };
  if (direction === 'outbound') return { problem: 'mail goes to domains, not to addresses', allowed };
  const suggestion = `[inbound ${formatNetwork(network)}]`;
  return { problem: 'bits are set behind the prefix', allowed, suggestion };
}

/** The section as plain data, with `ca_file` replaced by what the file holds. */
export function ruleSection<V extends object>(
  files: Recorder,
  { file, name }: { readonly file: string; readonly name: string },
  at: LocatedSection,
  { values, lines }: { readonly values: V; readonly lines: Readonly<Record<string, number>> },
): { section: Section<V>; faults: Fault[] } {
  const faults: Fault[] = [];
  let whole = values;
  if ('ca_file' in values && typeof values.ca_file === 'string') {
    const { ca_file: value } = values;
    const roots = readRoots(files, value);
    if (roots.kind === 'roots') whole = { ...values, ca_file: roots.pem };
    else {
      const line = lines['ca_file'] ?? at.line;
      const { problem, mend } = roots;
      faults.push({ file, line, section: at.name, key: 'ca_file', value, problem, mend });
    }
  }
  const disabled = 'status' in values && values.status === 'disabled';
  return {
    section: Object.freeze({
      name: `${name} [${at.name}]`,
      file,
      line: at.line ?? 0,
      status: disabled ? 'disabled' : 'enabled',
      values: files.shared(whole),
      lines,
    }),
    faults,
  };
}

/** A default that is not written: it has no values, and is no candidate. */
export function unwritten<V extends object>(name: string, file: string): Section<V> {
  return Object.freeze({ name, file, line: 0, status: 'enabled', values: Object.freeze({}) as V, lines: {} });
}
