/** All configuration files, read into `Settings`. What cannot be read keeps its last good meaning, or holds mail back. */
import { canonicalDomain } from '../names';
import type { Failure } from '../failure';
import { readDomainFile } from './domain_file';
import { fault, formatFault, inOrder, type Fault } from './fault';
import { Recorder, unchanged, type Inputs } from './file';
import { readGlobalFile, shippedDefaults } from './global_file';
import { domainDirectory, globalFile, type FileReading, type SettingsSource } from './source';
import type { GlobalSettings, InvalidDomain, ManagedDomain, Settings } from './types';

export type { GlobalSettings, InvalidDomain, ManagedDomain, Settings } from './types';

/** What one file gave, kept so that a file that has not changed is not read twice. */
interface Outcome<T> {
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
}

/**
 * Reads everything that `source` holds. Never throws for what is written in a file.
 *
 * A bad file of a managed domain makes that domain invalid, a bad global file everything; but where `previous` had
 * good settings in its place, those stay in force.
 */
export function loadSettings(source: SettingsSource, previous?: Loaded): Loaded {
  const global = loadGlobal(source, previous);
  const domains = loadDomains(source, previous);
  const faults = inOrder([...global.faults, ...domains.faults]);
  const settings: Settings = Object.freeze({
    ...globalInForce(global, domains, previous),
    domains: domains.kind === 'listed' ? domainsInForce(domains.outcomes, previous) : lastDomains(previous),
  });
  const outcomes = domains.kind === 'listed' ? domains.outcomes : (previous?.domains ?? new Map());
  return { settings, faults, global, domains: outcomes };
}

function loadGlobal(source: SettingsSource, previous: Loaded | undefined): Outcome<GlobalSettings> {
  if (previous !== undefined && unchanged(source, previous.global.inputs)) return previous.global;
  const files = new Recorder(source);
  const reading = files.read(globalFile);
  if (reading.kind === 'absent') {
    return { inputs: files.inputs, faults: [], result: { kind: 'good', value: shippedDefaults } };
  }
  if (reading.kind === 'unreadable') return unreadable(files, globalFile, reading);
  const result = readGlobalFile(files, reading.text);
  return { inputs: files.inputs, faults: result.faults, result };
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
    return { kind: 'unlisted', faults: [fault({ file: `${domainDirectory}/`, line: 0, problem })] };
  }
  const outcomes = new Map<string, Outcome<ManagedDomain>>();
  const owners = new Map<string, string>();
  for (const name of listing.names) {
    const domain = domainOf(name);
    const rival = owners.get(domain);
    const outcome = rival === undefined ? loadDomain(source, name, previous) : doubled(name, rival);
    if (rival !== undefined) outcomes.set(rival, doubled(rival, name));
    if (domain !== '') owners.set(domain, name);
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
  if (domain === '') return bad(name, 'the file name is no domain name with .ini behind it');
  const files = new Recorder(source);
  const reading = files.read(name);
  if (reading.kind === 'absent') return undefined;
  if (reading.kind === 'unreadable') return unreadable(files, name, reading);
  const result = readDomainFile(files, name, domain, reading.text);
  return { inputs: files.inputs, faults: result.faults, result };
}

/** The managed domain that a file is for, empty where its name is none. */
export function domainOf(file: string): string {
  return canonicalDomain(file.slice(domainDirectory.length + 1, -'.ini'.length)) ?? '';
}

function doubled(name: string, rival: string): Outcome<ManagedDomain> {
  return bad(name, `the same domain as ${rival}`);
}

function bad<T>(file: string, problem: string): Outcome<T> {
  return { inputs: new Map(), faults: [fault({ file, line: 0, problem })], result: { kind: 'bad' } };
}

function unreadable<T>(
  files: Recorder,
  name: string,
  reading: Extract<FileReading, { kind: 'unreadable' }>,
): Outcome<T> {
  return { ...bad<T>(name, `cannot be read: ${reading.problem}`), inputs: files.inputs };
}

function globalInForce(
  outcome: Outcome<GlobalSettings>,
  domains: DomainsLoaded,
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
  return { validity: { kind: 'valid' }, global };
}

function lastDomains(previous: Loaded | undefined): Settings['domains'] {
  return previous?.settings.domains ?? new Map();
}

function domainsInForce(
  outcomes: ReadonlyMap<string, Outcome<ManagedDomain>>,
  previous: Loaded | undefined,
): Settings['domains'] {
  const domains = new Map<string, ManagedDomain | InvalidDomain>();
  for (const [file, { result, faults }] of outcomes) {
    const domain = domainOf(file);
    if (domain === '') continue;
    const last = previous?.settings.domains.get(domain);
    if (result.kind === 'good') domains.set(domain, result.value);
    else if (last?.kind === 'managed') domains.set(domain, last);
    else domains.set(domain, Object.freeze({ kind: 'invalid', domain, file, failure: invalid(faults) }));
  }
  return domains;
}

function invalid(faults: readonly Fault[]): Failure {
  const [first, ...others] = faults;
  const text = first === undefined ? 'the configuration is not valid' : formatFault(first);
  return {
    reason: 'config-invalid',
    text: others.length === 0 ? text : `${text} (and ${others.length} more)`,
  };
}
