/** The one engine of this process, whichever lines of config/plugins ask for it. */
import cluster from 'node:cluster';
import path from 'node:path';
import { Engine } from '../src/engine';
import { harakaConfigDirectory } from '../src/settings/haraka/config_directory';
import { directorySource } from '../src/settings/load/source';
import type { HarakaPlugin } from './haraka_plugin';
import { newsLogOf } from './news';
import { appointLeaders, offerAsLeader } from './worker_leader';
import { isCluster } from './workers';

let engine: Engine | undefined;
const registered = new Set<string>();
const closers: (() => void)[] = [];

export function engineOf(plugin: HarakaPlugin): Engine {
  if (engine === undefined) {
    const directory = harakaConfigDirectory(plugin.config);
    engine = new Engine(directorySource(directory, 'unknown'), path.dirname(directory), newsLogOf(plugin));
    // With workers the master runs `init_master` too, but delivers nothing.
    plugin.tls_peers_start = (next: () => void) => {
      engine?.start();
      whenLeading(() => engine?.shareRecord());
      next();
    };
    prepareLeader(plugin);
    plugin.register_hook('init_child', 'tls_peers_start');
    if (!isCluster(plugin)) plugin.register_hook('init_master', 'tls_peers_start');
    // `shutdown` runs on graceful restarts alone.
    process.once('exit', () => engine?.endEvidence());
  }
  return engine;
}

/** Listing a piece beside `tls-peers` must not register it twice. */
export function isFirst(piece: string): boolean {
  if (registered.has(piece)) return false;
  registered.add(piece);
  return true;
}

/** Whether a piece is at work in this process. */
export function isRegistered(piece: string): boolean {
  return registered.has(piece);
}

/** Has `close` called when Haraka shuts its plugins down. */
export function atShutdown(close: () => void): void {
  closers.push(close);
}

export function shutdown(): void {
  for (const close of closers.splice(0)) close();
  engine?.close();
  engine = undefined;
}

const duties: (() => void)[] = [];
let leads: 'not_offered' | 'offered' | 'appointed' = 'not_offered';
let hasLeaders = false;

/** In the master, before there are workers: has one of them lead. */
export function prepareLeader(plugin: HarakaPlugin): void {
  if (hasLeaders || !cluster.isPrimary || !isCluster(plugin)) return;
  hasLeaders = true;
  appointLeaders();
}

/** Has `duty` done in one process: this one where there are no workers, else the worker that leads, once it does. */
export function whenLeading(duty: () => void): void {
  if (cluster.isPrimary || leads === 'appointed') {
    duty();
    return;
  }
  duties.push(duty);
  if (leads === 'offered') return;
  leads = 'offered';
  const withdraw = offerAsLeader(() => {
    leads = 'appointed';
    for (const one of duties.splice(0)) one();
  });
  atShutdown(withdraw);
}
