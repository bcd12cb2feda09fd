/** Hosting: the MTA-STS policies of the managed domains, served over HTTPS from inside Haraka. */
import cluster from 'node:cluster';
import { hostname } from 'node:os';
import { loadBundle } from '../src/bundles';
import { harakaConfigDirectory } from '../src/settings/haraka/config_directory';
import type { Engine } from '../src/engine';
import { receivesTlsReports } from '../src/settings/schema/tls_reports';
import { messageOf } from '../src/text';
import { logOf, type HarakaPlugin, type Next, type Piece } from './haraka_plugin';
import { atShutdown, engineOf, isFirst, prepareLeader, shutdown, whenLeading } from './suite';
import { isCluster } from './workers';

/** A worker that is replaced finishes what it answers, within this time. */
const graceMs = 2_000;

/** Early, so that a replacement serves before the last worker of the old generation is gone. */
const first = -100;

export const hosting: Piece = { register, shutdown };

function register(this: HarakaPlugin): void {
  if (!isFirst('hosting')) return;
  const engine = engineOf(this);
  const log = logOf(this);
  const policies = loadBundle('hosting').openHosting({
    settings: () => engine.settings(),
    configDirectory: harakaConfigDirectory(this.config),
    log,
    resolver: () => engine.resolver(),
    ehloName: () => ehloNameOf(this),
    reported: () => reported(engine),
  });
  atShutdown(() => {
    void policies.close(graceMs);
  });
  const watchForAll = () => {
    if (!cluster.isPrimary) log.info(`process ${process.pid} checks the MTA-STS policies for all workers`);
    policies.watch();
  };
  const start = () => {
    policies.serve().catch((error: unknown) => log.error(`hosting: ${messageOf(error)}`));
  };

  this['tls_peers_serve'] = (next: Next) => {
    start();
    whenLeading(watchForAll);
    next();
  };
  // With workers the master binds the port for them, and serves nothing itself.
  this.register_hook('init_child', 'tls_peers_serve', first);
  prepareLeader(this);
  if (isCluster(this)) return;
  this.register_hook('init_master', 'tls_peers_serve', first);
  // By then a single process has given up the right to bind port 443.
  if (losesPrivileges(this)) start();
}

/** What Haraka calls itself: config/me, or else the name of this host. */
function ehloNameOf(plugin: HarakaPlugin): string {
  const me = plugin.config.get('me');
  return typeof me === 'string' && me !== '' ? me : hostname();
}

/** Whether Haraka was started as root and will go on as another user: `user` and `group` of smtp.ini. */
function losesPrivileges(plugin: HarakaPlugin): boolean {
  const smtp = plugin.config.get('smtp.ini', 'ini') as { main?: { user?: unknown } } | undefined;
  const user = smtp?.main?.user;
  return process.getuid?.() === 0 && user !== undefined && user !== '';
}

/** What others report of policies that are tested. */
async function reported(engine: Engine): Promise<readonly string[]> {
  const settings = engine.settings();
  if (!receivesTlsReports(settings.global.tlsReports)) return [];
  const place = { directory: engine.reportsDirectory(), owner: engine.owner() };
  return loadBundle('sessions').reportedPolicies({ settings, place, now: new Date() });
}
