/**
 * All configuration files, read into `Settings`. What cannot be read, or is not there any more, keeps its last good
 * meaning, or holds mail back.
 */
import type { Failure } from '../../failure';
import { canonicalDomain } from '../../names';
import type { FileReading } from '../haraka/config_files';
import { letRead } from '../../state/access';
import { formatFault, inOrder, run, type Fault } from '../schema/fault';
import type { GlobalSettings, InvalidDomain, ManagedDomain, Settings } from '../schema/types';
import { readDomainFile } from './domain_file';
import { Recorder, unchanged, type Inputs } from './file';
import { readGlobalFile, shippedDefaults } from './global_file';
import { fileOf, lostDomain, lostFaults, lostGlobalFile } from './lost';
import {
  follow,
  isNews,
  lostDomains,
  type Followed,
  type Found,
  type Presence,
  type Recollection,
} from './remembered';
import { domainDirectory, globalFile, type SettingsSource } from './source';

/** What one file gave, kept so that a file that has not changed is not read twice. */
interface Outcome<T> {
  readonly presence: Presence;
  readonly inputs: Inputs;
  readonly faults: readonly Fault[];
  readonly result: { readonly kind: 'good'; readonly value: T } | { readonly kind: 'bad' };
}

export interface Loaded {
  readonly settings: Settings;
  /** Everything that is wrong in any file, by file and line. */
  readonly faults: readonly Fault[];
  readonly global: Outcome<GlobalSettings>;
  /** By file name. */
  readonly domains: ReadonlyMap<string, Outcome<ManagedDomain>>;
  /** The files as they are now, and what is to be remembered of them. */
  readonly found: Found;
  readonly recollection: Followed['recollection'];
  /** Domains that were managed until now, and are not any more. */
  readonly removed: readonly string[];
  /** `[mta_sts] directory` as far as it is known. */
  readonly stateDirectory: string;
}

/**
 * Reads everything that `source` holds. Never throws for what is written in a file.
 *
 * A bad file of a managed domain makes that domain invalid, a bad global file everything; but where `previous` had
 * good settings in its place, those stay in force. The same holds for files that vanish.
 */
export function loadSettings(source: SettingsSource, previous?: Loaded): Loaded {
  const global = loadGlobal(source, previous);
  const domains = loadDomains(source, previous);
  const found = foundIn(global, domains);
  const stateDirectory = stateDirectoryOf(global, previous);
  const { recollection, removed } = follow(recall(source, stateDirectory, previous), found);
  const lost = lostFaults(recollection, found);
  const settings: Settings = Object.freeze({
    ...globalInForce(
      { outcome: heldBack(global, recollection, found), domains, recollection, lost },
      previous,
    ),
    domains: domainsInForce(domains, recollection, found, previous),
  });
  return {
    settings,
    faults: inOrder([...global.faults, ...domains.faults, ...lost]),
    global,
    domains: domains.kind === 'listed' ? domains.outcomes : (previous?.domains ?? new Map()),
    found,
    recollection,
    removed: noLongerManaged(settings, removed, previous),
    stateDirectory,
  };
}

function foundIn(global: Outcome<GlobalSettings>, domains: DomainsLoaded): Found {
  if (domains.kind === 'unlisted') return { global: global.presence, domains: 'unlisted' };
  const present = new Map<string, 'written' | 'blank'>();
  for (const [file, { presence }] of domains.outcomes) {
    const domain = domainOf(file);
    if (domain !== undefined) present.set(domain, presence === 'blank' ? 'blank' : 'written');
  }
  return { global: global.presence, domains: present };
}

function stateDirectoryOf(global: Outcome<GlobalSettings>, previous: Loaded | undefined): string {
  if (global.presence === 'written' && global.result.kind === 'good')
    return global.result.value.mtaSts.directory;
  return previous?.stateDirectory ?? shippedDefaults.mtaSts.directory;
}

/** What this process knows by itself, unless somebody has said since that what is gone is meant to be. */
function recall(source: SettingsSource, directory: string, previous: Loaded | undefined): Recollection {
  const written = source.memory.read(directory);
  const own = previous?.recollection;
  return own === undefined || isNews(written, own) ? written : own;
}

/** A global file that is empty, or absent, would say that nothing is set: not where it said something before. */
function heldBack(
  global: Outcome<GlobalSettings>,
  recollection: Recollection,
  found: Found,
): Pick<Outcome<GlobalSettings>, 'faults' | 'result'> {
  return recollection.kind === 'known' && recollection.remembered.global === 'lost'
    ? { faults: [lostGlobalFile(found)], result: { kind: 'bad' } }
    : global;
}

function noLongerManaged(
  { domains }: Settings,
  removed: readonly string[],
  previous: Loaded | undefined,
): string[] {
  const before = [...removed, ...(previous?.settings.domains.keys() ?? [])];
  return [...new Set(before)].filter((domain) => !domains.has(domain));
}

function loadGlobal(source: SettingsSource, previous: Loaded | undefined): Outcome<GlobalSettings> {
  if (previous !== undefined && unchanged(source, previous.global.inputs)) return previous.global;
  const files = new Recorder(source);
  const reading = files.read(globalFile);
  if (reading.kind === 'absent') {
    const result = { kind: 'good', value: shippedDefaults } as const;
    return { presence: 'absent', inputs: files.inputs, faults: [], result };
  }
  if (reading.kind === 'unreadable') return unreadable(files, globalFile, reading);
  const result = readGlobalFile(files, reading.text);
  return { presence: presenceOf(reading.text), inputs: files.inputs, faults: result.faults, result };
}

type DomainsLoaded =
  | {
      readonly kind: 'listed';
      readonly outcomes: ReadonlyMap<string, Outcome<ManagedDomain>>;
      readonly faults: readonly Fault[];
    }
  /** The directory cannot be listed, so nobody knows which domains are managed. */
  | { readonly kind: 'unlisted'; readonly faults: readonly [Fault] };

function loadDomains(source: SettingsSource, previous: Loaded | undefined): DomainsLoaded {
  const listing = source.domainFiles();
  if (listing.kind === 'unreadable') {
    const problem = `cannot be read: ${listing.problem}`;
    const mend = listing.denied === undefined ? {} : { mend: run(letRead(listing.denied, 'directory')) };
    return { kind: 'unlisted', faults: [{ file: `${domainDirectory}/`, problem, ...mend }] };
  }
  const outcomes = new Map<string, Outcome<ManagedDomain>>();
  const owners = new Map<string, string>();
  for (const name of listing.names) {
    const domain = domainOf(name);
    const rival = domain === undefined ? undefined : owners.get(domain);
    const outcome = rival === undefined ? loadDomain(source, name, previous) : doubled(name, rival);
    if (rival !== undefined) outcomes.set(rival, doubled(rival, name));
    if (domain !== undefined) owners.set(domain, name);
    // A file may vanish between the listing and the reading.
    if (outcome !== undefined) outcomes.set(name, outcome);
  }
  return { kind: 'listed', outcomes, faults: [...outcomes.values()].flatMap((outcome) => outcome.faults) };
}

function loadDomain(
  source: SettingsSource,
  name: string,
  previous: Loaded | undefined,
): Outcome<ManagedDomain> | undefined {
  const before = previous?.domains.get(name);
  if (before !== undefined && before.inputs.size > 0 && unchanged(source, before.inputs)) return before;
  const domain = domainOf(name);
  if (domain === undefined) return bad(name, 'the file name is no domain name with .ini behind it');
  const files = new Recorder(source);
  const reading = files.read(name);
  if (reading.kind === 'absent') return undefined;
  if (reading.kind === 'unreadable') return unreadable(files, name, reading);
  const result = readDomainFile(files, name, domain, reading.text);
  return { presence: presenceOf(reading.text), inputs: files.inputs, faults: result.faults, result };
}

function presenceOf(text: string): 'written' | 'blank' {
  return text.trim() === '' ? 'blank' : 'written';
}

/** The managed domain that a file is for, `undefined` where its name is none. */
export function domainOf(file: string): string | undefined {
  return canonicalDomain(file.slice(domainDirectory.length + 1, -'.ini'.length));
}

function doubled(name: string, rival: string): Outcome<ManagedDomain> {
  return bad(name, `the same domain as ${rival}`);
}

function bad<T>(file: string, problem: string, mend: Pick<Fault, 'mend'> = {}): Outcome<T> {
  const faults = [{ file, problem, ...mend }];
  return { presence: 'written', inputs: new Map(), faults, result: { kind: 'bad' } };
}

function unreadable<T>(
  files: Recorder,
  name: string,
  reading: Extract<FileReading, { kind: 'unreadable' }>,
): Outcome<T> {
  const { problem, denied } = reading;
  const mend = denied === undefined ? {} : { mend: run(letRead(denied, 'file')) };
  return { ...bad<T>(name, `cannot be read: ${problem}`, mend), inputs: files.inputs };
}

interface Read {
  /** Of the global file. */
  readonly outcome: Pick<Outcome<GlobalSettings>, 'faults' | 'result'>;
  readonly domains: DomainsLoaded;
  readonly recollection: Recollection;
  readonly lost: readonly Fault[];
}

function globalInForce(
  { outcome, domains, recollection, lost }: Read,
  previous: Loaded | undefined,
): Pick<Settings, 'validity' | 'global'> {
  const last = previous?.settings;
  const global =
    outcome.result.kind === 'good'
      ? outcome.result.value
      : last?.validity.kind === 'valid'
        ? last.global
        : undefined;
  if (global === undefined) {
    return { validity: { kind: 'invalid', failure: invalid(outcome.faults) }, global: shippedDefaults };
  }
  // Without a list of the managed domains, mail of any of them would pass as that of an unmanaged one.
  if (domains.kind === 'unlisted' && last?.validity.kind !== 'valid') {
    return { validity: { kind: 'invalid', failure: invalid(domains.faults) }, global };
  }
  if (recollection.kind === 'unknown')
    return { validity: { kind: 'invalid', failure: invalid(lost) }, global };
  return { validity: { kind: 'valid' }, global };
}

function domainsInForce(
  loaded: DomainsLoaded,
  recollection: Recollection,
  found: Found,
  previous: Loaded | undefined,
): Settings['domains'] {
  const last = previous?.settings.domains ?? new Map<string, ManagedDomain | InvalidDomain>();
  if (loaded.kind === 'unlisted') return last;
  const domains = new Map<string, ManagedDomain | InvalidDomain>();
  const holdBack = (domain: string, file: string, faults: readonly Fault[]) => {
    const before = last.get(domain);
    if (before?.kind === 'managed') domains.set(domain, before);
    else domains.set(domain, Object.freeze({ kind: 'invalid', domain, file, failure: invalid(faults) }));
  };
  for (const [file, { result, faults }] of loaded.outcomes) {
    const domain = domainOf(file);
    if (domain === undefined) continue;
    if (result.kind === 'good') domains.set(domain, result.value);
    else holdBack(domain, file, faults);
  }
  if (recollection.kind === 'known')
    for (const domain of lostDomains(recollection.remembered))
      holdBack(domain, fileOf(domain), [lostDomain(domain, found)]);
  return domains;
}

function invalid(faults: readonly Fault[]): Failure {
  const [first, ...others] = faults;
  // Others may read this in a reply: commands are for the log, and for the operator who asks.
  const text =
    first === undefined ? 'the configuration is not valid' : formatFault({ ...first, mend: undefined });
  return {
    reason: 'config-invalid',
    text: others.length === 0 ? text : `${text} (and ${others.length} more)`,
  };
}
