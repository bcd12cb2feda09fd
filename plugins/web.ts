/** The page, its API and metrics: loaded where Haraka's own http, or `[web] listen`, asks for it. */
import cluster from 'node:cluster';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { version } from '../package.json';
import { loadBundle } from '../src/bundles';
import { deliveryCounters } from '../src/delivery/counters';
import { onFailure } from '../src/delivery/failure_news';
import type { Engine } from '../src/engine';
import type { Figures } from '../src/figures';
import { inboundCounters } from '../src/inbound/counters';
import { ehloName } from '../src/settings/haraka/ehlo_name';
import { harakaConfigDirectory } from '../src/settings/haraka/config_directory';
import { directorySource } from '../src/settings/load/source';
import { formatFault } from '../src/settings/schema/fault';
import { messageOf } from '../src/text';
import type { Web } from '../src/web/surroundings';
import { endedSessions, type EndedSessions } from './ended_sessions';
import { logOf, type HarakaPlugin, type Next, type Piece } from './haraka_plugin';
import { RecentFailures } from './recent_failures';
import { keepFigures, shareFigures, type SharedFigures } from './shared_figures';
import { atShutdown, engineOf, isFirst, shutdown } from './suite';
import { isCluster } from './workers';

/** Before every other plugin: what one of them mounts at `/` would answer first, and Haraka's own 404 stands behind all. */
const first = -100;

export const web: Piece = { register, shutdown };

/** What is used of Haraka's `server` once its http runs. */
interface HttpServer {
  readonly http?: {
    readonly app?: {
      use(path: string, handler: (request: IncomingMessage, response: ServerResponse) => void): void;
    };
  };
}

function register(this: HarakaPlugin): void {
  if (!isFirst('web')) return;
  const engine = engineOf(this);
  const log = logOf(this);
  let opened: Web | undefined;
  const open = (): Web => (opened ??= openWeb(this, engine));

  this['tls_peers_http'] = (next: Next, server: HttpServer) => {
    try {
      if (engine.settings().global.web.enabled) server.http?.app?.use('/tls-peers', open().handler);
    } catch (error) {
      log.error(`the page cannot be shown: ${messageOf(error)}`);
    }
    next();
  };
  this.register_hook('init_http', 'tls_peers_http', first);

  const listen = (): void => {
    const { enabled, listen: endpoints } = engine.settings().global.web;
    if (!enabled || endpoints.length === 0) return;
    try {
      open().listen();
    } catch (error) {
      log.error(`the page cannot be shown: ${messageOf(error)}`);
    }
  };
  this['tls_peers_listen'] = (next: Next) => {
    listen();
    engine.onChange(listen);
    next();
  };
  this.register_hook('init_child', 'tls_peers_listen');
  if (!isCluster(this)) this.register_hook('init_master', 'tls_peers_listen');
  else if (cluster.isPrimary) keepFigures();
  atShutdown(() => {
    void opened?.close();
  });
}

function openWeb(plugin: HarakaPlugin, engine: Engine): Web {
  const configDirectory = harakaConfigDirectory(plugin.config);
  const ended: EndedSessions = endedSessions((text) => shared.notify(`ended ${text}`, 'all'));
  const failures = new RecentFailures((text) => shared.notify(`failed ${text}`, 'present'));
  const shared: SharedFigures = shareFigures(
    () => figuresOf(engine),
    (notice) => {
      const [kind = '', ...rest] = notice.split(' ');
      if (kind === 'ended') ended.heard(rest.join(' '));
      else if (kind === 'failed') failures.heard(rest.join(' '));
    },
  );
  onFailure((news) => failures.add(news));
  atShutdown(() => shared.close());
  return loadBundle('web').openWeb({
    settings: () => engine.settings(),
    faults: () => engine.faults().map(formatFault),
    configDirectory,
    log: logOf(plugin),
    me: ehloName(directorySource(configDirectory)),
    version,
    probe: () => engine.resolver().status().probe,
    figures: () => shared.sums(),
    ended,
    failures: (managed, peer) => failures.of(managed, peer),
  });
}

/** What this process has counted. */
function figuresOf(engine: Engine): Figures {
  return {
    counters: [...deliveryCounters.snapshot(), ...inboundCounters.snapshot()],
    gauges: [{ name: 'evidence_faults', labels: {}, value: engine.evidenceFault() === '' ? 0 : 1 }],
    processes: 1,
  };
}
