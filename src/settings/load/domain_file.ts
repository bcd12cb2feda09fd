/** `tls-peers/<managed domain>.ini`. */
import type { InboundValues, OutboundValues } from '../../peers/rule';
import type { InboundSection, OutboundSection, Section } from '../../peers/section';
import { headerOf, mainSection, type LocatedSection } from '../ini/locate';
import { closest } from '../schema/closest';
import type { Fault } from '../schema/fault';
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
import { oddLines, openFile, valuesOf, type OpenedFile, type Recorder } from './file';
import { parsePeerHeader, PeerSections, ruleSection, unwritten, type PeerHeader } from './peer_sections';

export type DomainReading =
  | { readonly kind: 'good'; readonly value: ManagedDomain; readonly faults: readonly [] }
  | { readonly kind: 'bad'; readonly faults: readonly Fault[] };

/** Reads the file `name` of the managed domain `domain`, whose contents are `text`. */
export function readDomainFile(files: Recorder, name: string, domain: string, text: string): DomainReading {
  const reader = new DomainFileReader(files, openFile(files.source, name, text), domain);
  return reader.read();
}

type Header =
  { readonly kind: 'main' | 'mta_sts' | 'outbound' | 'inbound' } | PeerHeader | { readonly kind: 'unknown' };

function parseHeader(name: string): Header {
  if (name === mainSection || name === 'mta_sts' || name === 'outbound' || name === 'inbound')
    return { kind: name };
  return parsePeerHeader(name) ?? { kind: 'unknown' };
}

class DomainFileReader {
  readonly #faults: Fault[];
  readonly #peers = {
    outbound: new PeerSections<OutboundValues>(
      'outbound',
      (at) => this.#rule(outboundPeerKeys, at),
      (at, about) => this.#fault(at, about),
    ),
    inbound: new PeerSections<InboundValues>(
      'inbound',
      (at) => this.#rule(inboundPeerKeys, at),
      (at, about) => this.#fault(at, about),
    ),
  };
  #main: Written<typeof domainKeys> = {};
  #outbound: OutboundSection;
  #inbound: InboundSection;
  #policy: ManagedDomain['policy'] = { kind: 'none' };

  readonly #files: Recorder;
  readonly #file: OpenedFile;
  readonly #domain: string;

  constructor(files: Recorder, file: OpenedFile, domain: string) {
    this.#files = files;
    this.#file = file;
    this.#domain = domain;
    this.#faults = oddLines(file);
    this.#outbound = unwritten(`${domain} [outbound]`, file.name);
    this.#inbound = unwritten(`${domain} [inbound]`, file.name);
  }

  read(): DomainReading {
    for (const section of this.#file.located.sections) this.#section(section);
    if (this.#faults.length > 0) return { kind: 'bad', faults: this.#faults };
    return { kind: 'good', value: this.#assemble(), faults: [] };
  }

  #assemble(): ManagedDomain {
    return Object.freeze({
      kind: 'managed',
      domain: this.#domain,
      file: this.#file.name,
      status: this.#main.status ?? 'enabled',
      comment: this.#main.comment ?? '',
      outbound: this.#outbound,
      inbound: this.#inbound,
      outboundPeers: this.#peers.outbound.index(),
      inboundPeers: this.#peers.inbound.index(),
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
        this.#peers[header.direction].add(header.peer, at);
        break;
      case 'unknown': {
        const meant = closestHeader(at.name);
        this.#fault(at, {
          problem: 'no such section',
          allowed: Object.keys(domainSections).join(', '),
          suggestion: meant === undefined ? undefined : `[${meant}]`,
        });
        if (meant !== undefined) this.#meant(parseHeader(meant), at);
      }
    }
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
      this.#fault(at, { problem: `mode ${policy.mode} needs at least one mx (RFC 8461 section 3.2)` });
    }
    if (policy.keyFile !== '' && policy.certificateFile === '') {
      const line = lines['key_file'] ?? at.line;
      this.#fault(at, { line, key: 'key_file', problem: 'needs certificate_file beside it' });
    }
    this.#policy = Object.freeze({ kind: 'hosted', line: at.line, ...policy });
  }

  #rule<
    K extends typeof outboundKeys | typeof inboundKeys | typeof outboundPeerKeys | typeof inboundPeerKeys,
  >(keys: K, at: LocatedSection): Section<Written<K>> {
    const { values, lines } = this.#keys(keys, at);
    const owner = { file: this.#file.name, name: this.#domain };
    const { section, faults } = ruleSection(this.#files, owner, at, { values, lines });
    this.#faults.push(...faults);
    return section;
  }

  #keys<K extends Keys>(
    keys: K,
    at: LocatedSection,
  ): { values: Written<K>; lines: Readonly<Record<string, number>> } {
    const { values, lines, faults } = readSection(keys, this.#file.name, at, valuesOf(this.#file, at));
    this.#faults.push(...faults);
    return { values, lines };
  }

  #fault(at: LocatedSection, about: Omit<Fault, 'file' | 'section'>): void {
    this.#faults.push({ file: this.#file.name, line: at.line, section: headerOf(at.name), ...about });
  }
}

/** `undefined` where no section is close. */
function closestHeader(name: string): string | undefined {
  const [word = '', ...rest] = name.split(/\s+/);
  const known = closest(word, ['outbound', 'inbound', 'mta_sts']);
  return known === undefined ? undefined : [known, ...rest].join(' ');
}
