/** `tls-peers.ini`. */
import type { InboundSection } from '../../peers/section';
import { mainSection, type LocatedSection } from '../ini/locate';
import { closest } from '../schema/closest';
import type { Fault } from '../schema/fault';
import {
  cacheKeys,
  complete,
  deliveryKeys,
  domainSections,
  evidenceKeys,
  globalInboundKeys,
  globalOutboundKeys,
  globalSections,
  hostingKeys,
  resolverKeys,
  stsKeys,
  timeoutKeys,
  type Keys,
  type Written,
} from '../schema/keys';
import type { GlobalSettings } from '../schema/types';
import { readSection } from '../schema/validate';
import { ruleSection, unwritten } from './domain_file';
import { lineOf, oddLines, openFile, valuesOf, type OpenedFile, type Recorder } from './file';
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
  inbound: unwritten<InboundSection['values']>(`${globalFile} [inbound]`, globalFile),
  resolver: complete(resolverKeys, {}),
  cache: complete(cacheKeys, {}),
  mtaSts: complete(stsKeys, {}),
  timeouts: complete(timeoutKeys, {}),
  delivery: complete(deliveryKeys, {}),
  evidence: complete(evidenceKeys, {}),
  hosting: complete(hostingKeys, {}),
});

type SectionName = keyof typeof globalSections;

class GlobalFileReader {
  readonly #faults: Fault[];

  readonly #files: Recorder;
  readonly #file: OpenedFile;

  constructor(files: Recorder, file: OpenedFile) {
    this.#files = files;
    this.#file = file;
    this.#faults = oddLines(file);
  }

  read(): GlobalReading {
    const value: GlobalSettings = Object.freeze({
      outbound: this.#rule('outbound', globalOutboundKeys) ?? shippedDefaults.outbound,
      inbound: this.#rule('inbound', globalInboundKeys) ?? shippedDefaults.inbound,
      resolver: complete(resolverKeys, this.#keys('resolver', resolverKeys)),
      cache: complete(cacheKeys, this.#keys('cache', cacheKeys)),
      mtaSts: complete(stsKeys, this.#keys('mta_sts', stsKeys)),
      timeouts: complete(timeoutKeys, this.#keys('timeouts', timeoutKeys)),
      delivery: complete(deliveryKeys, this.#keys('delivery', deliveryKeys)),
      evidence: complete(evidenceKeys, this.#keys('evidence', evidenceKeys)),
      hosting: complete(hostingKeys, this.#keys('hosting', hostingKeys)),
    });
    this.#unknownSections();
    this.#bounds(value);
    return this.#faults.length > 0
      ? { kind: 'bad', faults: this.#faults }
      : { kind: 'good', value, faults: [] };
  }

  #unknownSections(): void {
    const known = Object.keys(globalSections);
    for (const at of this.#file.located.sections) {
      if (known.includes(at.name)) continue;
      if (at.name === mainSection) this.#keysOf(at, {});
      else this.#unknown(at, known);
    }
  }

  #unknown(at: LocatedSection, known: readonly string[]): void {
    const peer = /^(?:outbound|inbound)\s/.test(at.name);
    const problem = peer ? 'peers stand in the file of a managed domain, not here' : 'no such section';
    const suggestion = peer ? undefined : closest(at.name, known);
    const { name: file } = this.#file;
    const allowed = known.join(', ');
    this.#faults.push({ file, line: at.line, section: at.name, problem, allowed, suggestion });
    // The keys are held against those of the section that was probably meant.
    const keys = peer
      ? domainSections[at.name.startsWith('outbound') ? 'outbound PEER' : 'inbound PEER'].keys
      : Object.entries(globalSections).find(([name]) => name === suggestion)?.[1].keys;
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
    if (at === undefined) return undefined;
    const { values, lines } = this.#keysOf(at, keys);
    const owner = { file: this.#file.name, name: globalFile };
    const { section, faults } = ruleSection(this.#files, owner, at, { values, lines });
    this.#faults.push(...faults);
    return section;
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
