/** What all plugin lines of one process share: the settings, the resolver with its cache, the policies of others. */
import cluster from 'node:cluster';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
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
import { stateOwner } from './settings/haraka/state_owner';
import type { GlobalSettings, Settings } from './settings/schema/types';
import { createFileWriter } from './evidence/store/file_writer';
import { uncounted, type EvidenceWriter } from './evidence/evidence';
import { prepareStateDirectory } from './state/directory';
import { presentOwner, type Owner } from './state/owner';
import { messageOf, printable } from './text';

/** Mail on its way may still wait for an answer from what new settings replaced; milliseconds. */
const graceMs = 60_000;

interface Running {
  readonly resolver: Resolver;
  readonly policies: StsPolicies;
}

export class Engine {
  readonly #store: SettingsStore;
  readonly #owner: Owner;
  #running: Running | undefined;
  #evidence: EvidenceWriter | undefined;
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
        if (last !== undefined && !isDeepStrictEqual(last.evidence, global.evidence)) this.endEvidence();
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
  #prepareState({ memory }: SettingsSource): void {
    if (process.geteuid?.() !== 0 || this.#owner.uid === 0) return;
    const { mtaSts, evidence } = this.settings().global;
    const counts = evidence.enabled ? [path.resolve(this.#stateDirectory, evidence.directory)] : [];
    for (const directory of [...memory.directories(mtaSts.directory), ...counts]) {
      const prepared = prepareStateDirectory(directory, this.#owner);
      // Its workers would say the same, and what they cannot use they report when they come to use it.
      if (prepared.kind === 'unusable' && cluster.isPrimary)
        this.#log.warn(`what is kept on disk: ${printable(prepared.fault.message)}`);
    }
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

  #openEvidence(): EvidenceWriter {
    const { enabled, directory, days, maxPeers } = this.settings().global.evidence;
    if (!enabled) return uncounted;
    return createFileWriter({
      directory: path.resolve(this.#stateDirectory, directory),
      owner: this.#owner,
      log: this.#log,
      days,
      maxPeers,
      isNamed: ({ managed, direction, peer }) => isNamedExactly(this.settings(), managed, direction, peer),
      now: () => new Date(),
    });
  }

  /** Writes what is not written yet, without waiting: the process ends, or the settings are others. */
  endEvidence(): void {
    this.#evidence?.close();
    this.#evidence = undefined;
  }

  resolver(): Resolver {
    this.#running ??= this.#open();
    return this.#running.resolver;
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
