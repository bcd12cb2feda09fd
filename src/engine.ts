/** What all plugin lines of one process share: the settings, the resolver with its cache, the policies of others. */
import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadBundle } from './bundles';
import { closeLater, type Storing } from './state/patience';
import type { Sources } from './discovery/discover';
import { EdnsMemory } from './dns/edns';
import { createResolver, type Resolver } from './dns/resolver';
import type { Log } from './log';
import { StsPolicies } from './mta_sts/policies';
import { createFileStore } from './mta_sts/file_store';
import { isNamedExactly, namedPeers } from './peers/named';
import { fetchOptions } from './settings/load/fetch_options';
import { resolverOptions } from './settings/load/resolver_options';
import { openSettings, type SettingsStore } from './settings/reload/settings_store';
import type { SettingsSource } from './settings/load/source';
import { iniValues } from './settings/haraka/config_files';
import { stateOwner } from './settings/haraka/state_owner';
import type { Fault } from './settings/schema/fault';
import type { GlobalSettings, Settings } from './settings/schema/types';
import { uncounted, type EvidenceWriter } from './evidence/evidence';
import type { HeldWriter } from './evidence/store/held_writer';
import type { SessionWriter } from './reports/store/session_files';
import { sendsTlsReports, usesTlsReports } from './settings/schema/tls_reports';
import type { TrackWriter } from './evidence/store/track_writer';
import { prepareStateDirectory } from './state/directory';
import { presentOwner, type Owner } from './state/owner';
import { messageOf, printable } from './text';

/** Mail on its way may still wait for an answer from what new settings replaced; milliseconds. */
const graceMs = 60_000;

/** For a process that ends. */
function closeNow(storing: Storing): void {
  storing.close();
}

function ignore(): void {
  // Nothing is open.
}

/** What everything that is kept beside the record needs. */
interface AboutStore {
  readonly directory: string;
  readonly owner: Owner;
  readonly log: Log;
  readonly now: () => Date;
}

interface Running {
  readonly resolver: Resolver;
  readonly policies: StsPolicies;
}

export class Engine {
  readonly #store: SettingsStore;
  readonly #owner: Owner;
  #running: Running | undefined;
  #evidence: EvidenceWriter | undefined;
  #held: HeldWriter | 'nowhere' | undefined;
  #sessions: SessionWriter | 'uncounted' | undefined;
  #track: TrackWriter | 'nowhere' | undefined;
  #endKeeping: () => void = ignore;
  readonly #listeners: (() => void)[] = [];
  /** New settings make a new resolver, and must not make a resolver of the outside forgotten that speaks EDNS. */
  readonly #edns = new EdnsMemory();
  readonly #stateDirectory: string;
  /** Haraka reads as root until its listeners stand. */
  #isUserStillToCome = false;
  readonly #log: Log;

  /**
   * To be made before Haraka drops its privileges: then the state directory can still be given to the user that it drops
   * them to. Everything that is asked of it may wait until afterwards.
   *
   * @param stateDirectory what relative paths of stored policies begin from: the directory of the Haraka install
   */
  constructor(source: SettingsSource, stateDirectory: string, log: Log) {
    this.#stateDirectory = stateDirectory;
    this.#log = log;
    let last: GlobalSettings | undefined;
    this.#store = openSettings(source, log, {
      onChange: ({ global }) => {
        if (last !== undefined && needsRestart(last, global)) this.#replace();
        if (last !== undefined && !isDeepStrictEqual(last.evidence, global.evidence))
          this.#endCounts(closeLater);
        if (last !== undefined && !isDeepStrictEqual(last.tlsReports, global.tlsReports))
          this.#endSessions(closeLater);
        last = global;
        for (const listener of this.#listeners) listener();
      },
    });
    last = this.settings().global;
    this.#owner = this.#ownerOfState(source);
    this.#prepareState(source);
    this.#isUserStillToCome = process.geteuid?.() === 0 && this.#owner.uid !== 0;
  }

  #ownerOfState(source: SettingsSource): Owner {
    try {
      return stateOwner(source);
    } catch (error) {
      this.#log.error(printable(messageOf(error)));
      return presentOwner();
    }
  }

  /** As root alone: everybody else makes it when it is first used, and can do no more about it than to say so then. */
  #prepareState(source: SettingsSource): void {
    const { memory } = source;
    if (process.geteuid?.() !== 0 || this.#owner.uid === 0) return;
    const { mtaSts, evidence, tlsReports } = this.settings().global;
    const counts = evidence.enabled ? [path.resolve(this.#stateDirectory, evidence.directory)] : [];
    if (usesTlsReports(tlsReports)) counts.push(this.reportsDirectory());
    counts.push(...this.#tokenDirectory(source));
    for (const directory of [...memory.directories(mtaSts.directory), ...counts]) {
      const prepared = prepareStateDirectory(directory, this.#owner);
      // Its workers would say the same, and what they cannot use they report when they come to use it.
      if (prepared.kind === 'unusable' && cluster.isPrimary)
        this.#log.warn(`what is kept on disk: ${printable(prepared.fault.message)}`);
    }
  }

  /** Where the token of the page is to be made. A directory that is there is the operator's own affair. */
  #tokenDirectory(source: SettingsSource): string[] {
    const { enabled, listen, tokenFile } = this.settings().global.web;
    const isServed = listen.length > 0 || iniValues(source, 'http.ini')['main']?.['listen'] !== undefined;
    const directory = path.dirname(path.resolve(this.#stateDirectory, tokenFile));
    return enabled && isServed && !existsSync(directory) ? [directory] : [];
  }

  #policyDirectory(): string {
    return path.resolve(this.#stateDirectory, this.settings().global.mtaSts.directory);
  }

  settings(): Settings {
    if (this.#isUserStillToCome && process.geteuid?.() === this.#owner.uid) {
      this.#isUserStillToCome = false;
      this.#store.readAnew();
    }
    return this.#store.current();
  }

  /** What is wrong in the files as they are now, which may be newer than the settings in force. */
  faults(): readonly Fault[] {
    return this.#store.faults();
  }

  /** @param listener called after the settings in force were replaced */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  sources(): Sources {
    this.#running ??= this.#open();
    return this.#running;
  }

  /** Where what happens is counted. Nothing is made on disk before there is something to write. */
  evidence(): EvidenceWriter {
    this.#evidence ??= this.#openEvidence();
    return this.#evidence;
  }

  /**
   * Where it is noted why messages wait; `nowhere` where nothing is.
   *
   * @param queue Haraka's outbound queue
   */
  held(queue: () => string): HeldWriter | 'nowhere' {
    this.#held ??= this.#opened('why messages wait is not noted', 'nowhere', ({ createHeldWriter }, about) =>
      createHeldWriter({ ...about, queue: queue() }),
    );
    return this.#held;
  }

  /** Where each recipient gets a line; `nowhere` where that is not asked for. */
  track(): TrackWriter | 'nowhere' {
    this.#track ??= this.#openTrack();
    return this.#track;
  }

  #openTrack(): TrackWriter | 'nowhere' {
    const { track, trackDays: days, trackSize } = this.settings().global.evidence;
    if (!track) {
      this.#endKeeping = this.#opened('old lines stay', ignore, ({ keepTrack }, about) =>
        keepTrack({ ...about, days }),
      );
      return 'nowhere';
    }
    const mostOctets = trackSize * 1_000_000;
    return this.#opened('messages are not tracked', 'nowhere', ({ createTrackWriter }, about) =>
      createTrackWriter({ ...about, days, mostOctets }),
    );
  }

  #openEvidence(): EvidenceWriter {
    const { days, maxPeers } = this.settings().global.evidence;
    return this.#opened('nothing is counted', uncounted, ({ createFileWriter }, about) =>
      createFileWriter({
        ...about,
        days,
        maxPeers,
        isNamed: ({ managed, direction, peer }) => isNamedExactly(this.settings(), managed, direction, peer),
      }),
    );
  }

  /** @param otherwise what takes its place where it is switched off, or cannot be loaded */
  #opened<Opened, Otherwise>(
    loss: string,
    otherwise: Otherwise,
    open: (bundle: ReturnType<typeof loadBundle<'evidence'>>, about: AboutStore) => Opened,
  ): Opened | Otherwise {
    const { enabled, directory } = this.settings().global.evidence;
    if (!enabled) return otherwise;
    try {
      return open(loadBundle('evidence'), {
        directory: path.resolve(this.#stateDirectory, directory),
        owner: this.#owner,
        log: this.#log,
        now: () => new Date(),
      });
    } catch (error) {
      this.#log.error(`evidence: ${loss}: ${printable(messageOf(error))}`);
      return otherwise;
    }
  }

  /** Why what happened cannot be stored now; empty where all is well, or nothing was counted. */
  evidenceFault(): string {
    return this.#evidence?.fault() ?? '';
  }

  /** Where sessions are counted for the TLS reports to their peers: nowhere until it is said who reports. */
  sessions(): SessionWriter | 'uncounted' {
    this.#sessions ??= this.#openSessions();
    return this.#sessions;
  }

  #openSessions(): SessionWriter | 'uncounted' {
    const { tlsReports } = this.settings().global;
    if (!sendsTlsReports(tlsReports)) return 'uncounted';
    try {
      return loadBundle('sessions').createSessionWriter({
        directory: this.reportsDirectory(),
        owner: this.#owner,
        log: this.#log,
        days: tlsReports.days,
        maxDomains: tlsReports.maxDomains,
        now: () => new Date(),
      });
    } catch (error) {
      this.#log.error(`TLS reports: nothing is counted: ${printable(messageOf(error))}`);
      return 'uncounted';
    }
  }

  /** What is kept of TLS reports. */
  reportsDirectory(): string {
    return path.resolve(this.#stateDirectory, this.settings().global.tlsReports.directory);
  }

  /** Whose the files are. */
  owner(): Owner {
    return this.#owner;
  }

  /** Writes what is not written yet, without waiting: the process ends. */
  endEvidence(): void {
    this.#endCounts(closeNow);
    this.#endSessions(closeNow);
  }

  #endCounts(end: (storing: Storing) => void): void {
    for (const one of [this.#evidence, this.#held, this.#track])
      if (one !== undefined && one !== 'nowhere') end(one);
    this.#endKeeping();
    [this.#evidence, this.#held, this.#track] = [undefined, undefined, undefined];
  }

  #endSessions(end: (storing: Storing) => void): void {
    if (this.#sessions !== undefined && this.#sessions !== 'uncounted') end(this.#sessions);
    this.#sessions = undefined;
  }

  resolver(): Resolver {
    this.#running ??= this.#open();
    return this.#running.resolver;
  }

  /** Whether no resolver answers any more. */
  isWithoutResolver(): boolean {
    const { servers } = this.resolver().status();
    return servers.length > 0 && servers.every(({ gone }) => gone);
  }

  /**
   * Begins what runs in the background: the probe of the resolver, the refreshing of policies, the writing down of which
   * files there are.
   */
  start(): void {
    this.sources();
    this.#store.remember();
  }

  close(): void {
    this.#store.close();
    this.endEvidence();
    if (this.#running !== undefined) this.#shut(this.#running);
    this.#running = undefined;
  }

  #open(): Running {
    const { global } = this.settings();
    const resolver = createResolver({ ...resolverOptions(global), edns: this.#edns, log: this.#log });
    const policies = new StsPolicies({
      resolver,
      store: createFileStore(this.#policyDirectory(), {
        log: this.#log,
        owner: this.#owner,
        maxEntries: global.mtaSts.maxPolicies,
        namedPeers: () => namedPeers(this.settings()),
      }),
      fetchOptions: fetchOptions(global),
      limits: { memoryEntries: global.mtaSts.maxPolicies },
      log: this.#log,
    });
    void resolver.probe().catch((error: unknown) => this.#log.error(messageOf(error)));
    void policies.start().catch((error: unknown) => this.#log.error(messageOf(error)));
    return { resolver, policies };
  }

  #replace(): void {
    const old = this.#running;
    if (old === undefined) return;
    this.#running = this.#open();
    setTimeout(() => this.#shut(old), graceMs).unref();
  }

  #shut({ resolver, policies }: Running): void {
    void policies.close().catch((error: unknown) => this.#log.error(messageOf(error)));
    resolver.close();
  }
}

function needsRestart(before: GlobalSettings, after: GlobalSettings): boolean {
  return (['resolver', 'cache', 'mtaSts'] as const).some(
    (part) => !isDeepStrictEqual(before[part], after[part]),
  );
}
