/** `tls-peers/<managed domain>.ini`. */
import { buildIndex, formatPeer, parsePeer, type Peer } from '../../peers/index';
import { enclosingNetwork, formatNetwork } from '../../peers/network';
import type { InboundSection, OutboundSection, Section } from '../../peers/section';
import { closest, fault, type Fault } from '../schema/fault';
import { oddLines, openFile, sectionLabel, valuesOf, type OpenedFile, type Recorder } from './file';
import { mainSection, type LocatedSection } from '../ini/locate';
import { readRoots } from './ca_file';
import {
  complete,
  domainKeys,
  domainSections,
  hostedPolicyKeys,
  inboundKeys,
  inboundPeerKeys,
  outboundKeys,
  outboundPeerKeys,
  type Keys,
  type Written,
} from '../schema/keys';
import type { ManagedDomain } from '../schema/types';
import { readSection } from '../schema/validate';

export type DomainReading =
  | { readonly kind: 'good'; readonly value: ManagedDomain; readonly faults: readonly [] }
  | { readonly kind: 'bad'; readonly faults: readonly Fault[] };

/** Reads the file `name` of the managed domain `domain`, whose contents are `text`. */
export function readDomainFile(files: Recorder, name: string, domain: string, text: string): DomainReading {
  const reader = new DomainFileReader(files, openFile(files.source, name, text), domain);
  return reader.read();
}

type Direction = 'outbound' | 'inbound';

type Header =
  | { readonly kind: 'main' | 'mta_sts' | Direction }
  | { readonly kind: 'peer'; readonly direction: Direction; readonly peer: string }
  | { readonly kind: 'unknown' };

function parseHeader(name: string): Header {
  if (name === mainSection || name === 'mta_sts' || name === 'outbound' || name === 'inbound')
    return { kind: name };
  const [, direction, peer = ''] = /^(outbound|inbound)\s+(.+)$/.exec(name) ?? [];
  return direction === undefined
    ? { kind: 'unknown' }
    : { kind: 'peer', direction: direction as Direction, peer };
}

class DomainFileReader {
  readonly #faults: Fault[];
  readonly #peers = { outbound: new Map<string, number>(), inbound: new Map<string, number>() };
  readonly #outboundPeers: [Peer, OutboundSection][] = [];
  readonly #inboundPeers: [Peer, InboundSection][] = [];
  #main: Written<typeof domainKeys> = {};
  #outbound: OutboundSection;
  #inbound: InboundSection;
  #policy: ManagedDomain['policy'] = { kind: 'none' };

  constructor(
    readonly files: Recorder,
    readonly file: OpenedFile,
    readonly domain: string,
  ) {
    this.#faults = oddLines(file);
    this.#outbound = unwritten(`${domain} [outbound]`, file.name);
    this.#inbound = unwritten(`${domain} [inbound]`, file.name);
  }

  read(): DomainReading {
    for (const section of this.file.located.sections) this.#section(section);
    if (this.#faults.length > 0) return { kind: 'bad', faults: this.#faults };
    return { kind: 'good', value: this.#assemble(), faults: [] };
  }

  #assemble(): ManagedDomain {
    return Object.freeze({
      kind: 'managed',
      domain: this.domain,
      file: this.file.name,
      status: this.#main.status ?? 'enabled',
      comment: this.#main.comment ?? '',
      outbound: this.#outbound,
      inbound: this.#inbound,
      outboundPeers: buildIndex(this.#outboundPeers),
      inboundPeers: buildIndex(this.#inboundPeers),
      policy: this.#policy,
    });
  }

  #section(at: LocatedSection): void {
    const header = parseHeader(at.name);
    switch (header.kind) {
      case 'main':
        this.#main = this.#keys(domainKeys, at).values;
        break;
      case 'outbound':
        this.#outbound = this.#rule(outboundKeys, at);
        break;
      case 'inbound':
        this.#inbound = this.#rule(inboundKeys, at);
        break;
      case 'mta_sts':
        this.#hosted(at);
        break;
      case 'peer':
        this.#peer(header.direction, header.peer, at);
        break;
      case 'unknown': {
        const meant = closestHeader(at.name);
        this.#fault(at, 'no such section', Object.keys(domainSections).join(', '), bracketed(meant));
        this.#meant(parseHeader(meant), at);
      }
    }
  }

  #peer(direction: Direction, text: string, at: LocatedSection): void {
    const peer = parsePeer(text);
    if (peer === undefined || (direction === 'outbound' && peer.kind === 'network')) {
      this.#badPeer(direction, text, at);
      this.#meant({ kind: 'peer', direction, peer: text }, at);
      return;
    }
    const canonical = formatPeer(peer);
    const earlier = this.#peers[direction].get(canonical);
    if (earlier !== undefined) this.#fault(at, `${canonical} stands twice, first at line ${earlier}`);
    this.#peers[direction].set(canonical, at.line);
    if (direction === 'outbound') this.#outboundPeers.push([peer, this.#rule(outboundPeerKeys, at)]);
    else this.#inboundPeers.push([peer, this.#rule(inboundPeerKeys, at)]);
  }

  #badPeer(direction: Direction, text: string, at: LocatedSection): void {
    const allowed = `a domain, *. and a domain${direction === 'inbound' ? ', an address or a network' : ''}`;
    const network = enclosingNetwork(text);
    if (network === undefined) this.#fault(at, 'no peer', allowed, text === '*' ? `[${direction}]` : '');
    else if (direction === 'outbound') this.#fault(at, 'mail goes to domains, not to addresses', allowed);
    else this.#fault(at, 'bits are set behind the prefix', allowed, `[inbound ${formatNetwork(network)}]`);
  }

  /** Under a header that is wrong, the keys are held against those of the section that was probably meant. */
  #meant(header: Header, at: LocatedSection): void {
    if (header.kind === 'mta_sts') this.#keys(hostedPolicyKeys, at);
    else if (header.kind === 'outbound') this.#rule(outboundKeys, at);
    else if (header.kind === 'inbound') this.#rule(inboundKeys, at);
    else if (header.kind === 'peer')
      this.#rule(header.direction === 'outbound' ? outboundPeerKeys : inboundPeerKeys, at);
  }

  #hosted(at: LocatedSection): void {
    const { values, lines } = this.#keys(hostedPolicyKeys, at);
    const policy = complete(hostedPolicyKeys, values);
    if (policy.mode !== 'none' && !at.keys.has('mx')) {
      this.#fault(at, `mode ${policy.mode} needs at least one mx (RFC 8461 section 3.2)`);
    }
    if (policy.keyFile !== '' && policy.certificateFile === '') {
      const line = lines['key_file'] ?? at.line;
      this.#faults.push(
        fault({
          file: this.file.name,
          line,
          section: at.name,
          key: 'key_file',
          problem: 'needs certificate_file beside it',
        }),
      );
    }
    this.#policy = Object.freeze({ kind: 'hosted', line: at.line, ...policy });
  }

  #rule<
    K extends typeof outboundKeys | typeof inboundKeys | typeof outboundPeerKeys | typeof inboundPeerKeys,
  >(keys: K, at: LocatedSection): Section<Written<K>> {
    const { values, lines } = this.#keys(keys, at);
    const { section, faults } = ruleSection(this.files, this.file.name, this.domain, at, values, lines);
    this.#faults.push(...faults);
    return section;
  }

  #keys<K extends Keys>(
    keys: K,
    at: LocatedSection,
  ): { values: Written<K>; lines: Readonly<Record<string, number>> } {
    const { values, lines, faults } = readSection(keys, this.file.name, at, valuesOf(this.file, at));
    this.#faults.push(...faults.map((one) => ({ ...one, section: sectionLabel(one.section) })));
    return { values, lines };
  }

  #fault(at: LocatedSection, problem: string, allowed = '', suggestion = ''): void {
    this.#faults.push(
      fault({
        file: this.file.name,
        line: at.line,
        section: sectionLabel(at.name),
        problem,
        allowed,
        suggestion,
      }),
    );
  }
}

/** The section as plain data, with `ca_file` replaced by what the file holds. */
export function ruleSection<V extends object>(
  files: Recorder,
  file: string,
  owner: string,
  at: LocatedSection,
  values: V,
  lines: Readonly<Record<string, number>>,
): { section: Section<V>; faults: Fault[] } {
  const faults: Fault[] = [];
  let held = values;
  if ('ca_file' in values && typeof values.ca_file === 'string') {
    const roots = readRoots(files, values.ca_file);
    if (roots.kind === 'roots') held = { ...values, ca_file: roots.pem };
    else {
      const line = lines['ca_file'] ?? at.line;
      faults.push(
        fault({
          file,
          line,
          section: at.name,
          key: 'ca_file',
          value: values.ca_file,
          problem: roots.problem,
        }),
      );
    }
  }
  const disabled = 'status' in values && values.status === 'disabled';
  return {
    section: Object.freeze({
      name: `${owner} [${at.name}]`,
      file,
      line: at.line,
      status: disabled ? 'disabled' : 'enabled',
      values: files.shared(held),
      lines,
    }),
    faults,
  };
}

/** A default that is not written: it has no values, and is no candidate. */
export function unwritten<V extends object>(name: string, file: string): Section<V> {
  return Object.freeze({ name, file, line: 0, status: 'enabled', values: Object.freeze({}) as V, lines: {} });
}

/** Empty where no section is close. */
function closestHeader(name: string): string {
  const [word = '', ...rest] = name.split(/\s+/);
  const known = closest(word, ['outbound', 'inbound', 'mta_sts']);
  return known === '' ? '' : [known, ...rest].join(' ');
}

function bracketed(header: string): string {
  return header === '' ? '' : `[${header}]`;
}
