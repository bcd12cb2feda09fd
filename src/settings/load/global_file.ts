/** `tls-peers.ini`. */
import { buildIndex } from '../../peers/index';
import type { InboundValues, OutboundValues } from '../../peers/rule';
import type { Scoped, Section } from '../../peers/section';
import { mainSection, type LocatedSection } from '../ini/locate';
import { closest } from '../schema/closest';
import type { Fault } from '../schema/fault';
import {
  cacheKeys,
  complete,
  deliveryKeys,
  evidenceKeys,
  fleetKeys,
  globalInboundKeys,
  globalOutboundKeys,
  globalSections,
  hostingKeys,
  resolverKeys,
  sharedInboundPeerKeys,
  sharedOutboundPeerKeys,
  stsKeys,
  timeoutKeys,
  webKeys,
  tlsReportsKeys,
  type Keys,
  type Written,
} from '../schema/keys';
import type { GlobalSettings } from '../schema/types';
import { readSection } from '../schema/validate';
import { lineOf, oddLines, openFile, valuesOf, type OpenedFile, type Recorder } from './file';
import { parsePeerHeader, PeerSections, ruleSection, unwritten, type HeaderFault } from './peer_sections';
import { globalFile } from './source';

export type GlobalReading =
  | { readonly kind: 'good'; readonly value: GlobalSettings; readonly faults: readonly [] }
  | { readonly kind: 'bad'; readonly faults: readonly Fault[] };

/** Reads the global file from its text. */
export function readGlobalFile(files: Recorder, text: string): GlobalReading {
  return new GlobalFileReader(files, openFile(files.source, globalFile, text)).read();
}

/** What holds where nothing is written. */
export const shippedDefaults: GlobalSettings = Object.freeze({
  outbound: unwritten<GlobalSettings['outbound']['values']>(`${globalFile} [outbound]`, globalFile),
  inbound: unwritten<GlobalSettings['inbound']['values']>(`${globalFile} [inbound]`, globalFile),
  outboundPeers: buildIndex([]),
  inboundPeers: buildIndex([]),
  resolver: complete(resolverKeys, {}),
  cache: complete(cacheKeys, {}),
  mtaSts: complete(stsKeys, {}),
  timeouts: complete(timeoutKeys, {}),
  delivery: complete(deliveryKeys, {}),
  evidence: complete(evidenceKeys, {}),
  tlsReports: complete(tlsReportsKeys, {}),
  fleet: complete(fleetKeys, {}),
  hosting: complete(hostingKeys, {}),
  web: complete(webKeys, {}),
});

type SectionName = keyof typeof globalSections;

/** The sections that there are once. */
const plainSections = Object.keys(globalSections).filter((name) => !name.endsWith(' PEER'));

/** `undefined` where no section is close. */
function closestHeader(name: string): string | undefined {
  const [word = '', ...peer] = name.split(/\s+/);
  const known = closest(word, peer.length > 0 ? ['outbound', 'inbound'] : plainSections);
  return known === undefined ? undefined : [known, ...peer].join(' ');
}

class GlobalFileReader {
  readonly #faults: Fault[];
  readonly #outboundPeers = new PeerSections<OutboundValues & Scoped>(
    'outbound',
    (at) => this.#ruleAt(at, sharedOutboundPeerKeys),
    (at, about) => this.#fault(at, about),
  );
  readonly #inboundPeers = new PeerSections<InboundValues & Scoped>(
    'inbound',
    (at) => this.#ruleAt(at, sharedInboundPeerKeys),
    (at, about) => this.#fault(at, about),
  );

  readonly #files: Recorder;
  readonly #file: OpenedFile;

  constructor(files: Recorder, file: OpenedFile) {
    this.#files = files;
    this.#file = file;
    this.#faults = oddLines(file);
  }

  read(): GlobalReading {
    const others = this.#peers();
    const value: GlobalSettings = Object.freeze({
      outbound: this.#rule('outbound', globalOutboundKeys) ?? shippedDefaults.outbound,
      inbound: this.#rule('inbound', globalInboundKeys) ?? shippedDefaults.inbound,
      outboundPeers: this.#outboundPeers.index(),
      inboundPeers: this.#inboundPeers.index(),
      resolver: complete(resolverKeys, this.#keys('resolver', resolverKeys)),
      cache: complete(cacheKeys, this.#keys('cache', cacheKeys)),
      mtaSts: complete(stsKeys, this.#keys('mta_sts', stsKeys)),
      timeouts: complete(timeoutKeys, this.#keys('timeouts', timeoutKeys)),
      delivery: complete(deliveryKeys, this.#keys('delivery', deliveryKeys)),
      evidence: complete(evidenceKeys, this.#keys('evidence', evidenceKeys)),
      tlsReports: complete(tlsReportsKeys, this.#keys('tls_reports', tlsReportsKeys)),
      fleet: complete(fleetKeys, this.#keys('fleet', fleetKeys)),
      hosting: complete(hostingKeys, this.#keys('hosting', hostingKeys)),
      web: complete(webKeys, this.#keys('web', webKeys)),
    });
    for (const at of others) this.#unknown(at);
    this.#bounds(value);
    return this.#faults.length > 0
      ? { kind: 'bad', faults: this.#faults }
      : { kind: 'good', value, faults: [] };
  }

  /** Takes the sections for peers. @returns those that are neither a peer's nor known */
  #peers(): LocatedSection[] {
    return this.#file.located.sections.filter((at) => {
      const header = parsePeerHeader(at.name);
      if (header === undefined) return !plainSections.includes(at.name);
      (header.direction === 'outbound' ? this.#outboundPeers : this.#inboundPeers).add(header.peer, at);
      return false;
    });
  }

  #unknown(at: LocatedSection): void {
    if (at.name === mainSection) {
      this.#keysOf(at, {});
      return;
    }
    const meant = closestHeader(at.name);
    const { name: file } = this.#file;
    this.#faults.push({
      file,
      line: at.line,
      section: at.name,
      problem: 'no such section',
      allowed: Object.keys(globalSections).join(', '),
      suggestion: meant,
    });
    // The keys are held against those of the section that was probably meant.
    const header = parsePeerHeader(meant ?? '');
    const name = header === undefined ? meant : `${header.direction} PEER`;
    const keys = Object.entries(globalSections).find(([one]) => one === name)?.[1].keys;
    if (keys !== undefined) this.#keysOf(at, keys);
  }

  /** Values that are each allowed and contradict each other. */
  #bounds(value: GlobalSettings): void {
    const { cache, resolver } = value;
    if (cache.minTtl > cache.maxTtl)
      this.#contradiction('cache', 'min_ttl', cache.minTtl, 'greater than max_ttl');
    if (resolver.timeout > resolver.deadline) {
      this.#contradiction('resolver', 'timeout', resolver.timeout, 'greater than deadline');
    }
  }

  #contradiction(section: SectionName, key: string, value: number, problem: string): void {
    const line = lineOf(this.#file, section, key);
    this.#faults.push({ file: this.#file.name, line, section, key, value: String(value), problem });
  }

  #rule<K extends typeof globalOutboundKeys | typeof globalInboundKeys>(name: SectionName, keys: K) {
    const at = this.#located(name);
    return at === undefined ? undefined : this.#ruleAt(at, keys);
  }

  #ruleAt<K extends Keys>(at: LocatedSection, keys: K): Section<Written<K>> {
    const { values, lines } = this.#keysOf(at, keys);
    const owner = { file: this.#file.name, name: globalFile };
    const { section, faults } = ruleSection(this.#files, owner, at, { values, lines });
    this.#faults.push(...faults);
    return section;
  }

  #fault(at: LocatedSection, about: HeaderFault): void {
    this.#faults.push({ file: this.#file.name, line: at.line, section: at.name, ...about });
  }

  #keys<K extends Keys>(name: SectionName, keys: K): Written<K> {
    const at = this.#located(name);
    return at === undefined ? {} : this.#keysOf(at, keys).values;
  }

  #keysOf<K extends Keys>(at: LocatedSection, keys: K) {
    const { values, lines, faults } = readSection(keys, this.#file.name, at, valuesOf(this.#file, at));
    this.#faults.push(...faults);
    return { values, lines };
  }

  #located(name: SectionName): LocatedSection | undefined {
    return this.#file.located.sections.find((section) => section.name === name);
  }
}
