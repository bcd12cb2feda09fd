/**
 * The one handler, for Haraka's own http and for listeners of ours. It speaks Node's http alone: nothing depends on which express
 * stands around it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../log';
import type { GlobalSettings } from '../settings/schema/types';
import { messageOf, printable } from '../text';
import { mount, type Access, type Gatekeeper } from './access/access';
import { isOwnHost, ownHosts } from './access/hosts';
import { isFromOurPage } from './access/origin';
import type { Client } from './access/proxies';
import { failure, redirect, text, type Answer } from './shared/answer';
import { readForm } from './body';
import { Budget } from './shared/budget';
import type { PageFiles } from './files';
import { Sending } from './sending';

export interface HandlerOptions {
  readonly web: () => GlobalSettings['web'];
  readonly me: string;
  readonly gatekeeper: Gatekeeper;
  readonly files: PageFiles;
  readonly log: Log;
  /** Below `api/v1/`. */
  readonly api: (asked: ApiRequest) => Promise<Answer>;
  /** @param accepts the Accept header */
  readonly metrics: (accepts: string) => Promise<Answer>;
  /** Milliseconds of a clock that only goes on. */
  readonly steady: () => number;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly gzip: boolean;
}

/** What one process answers: all that a person and a few scrapers ask for, and no flood. */
const budgets = {
  requests: { burst: 200, perSecond: 50 },
  // Whoever has no credential keeps none from those who do.
  strangers: { burst: 50, perSecond: 10 },
  metrics: { burst: 10, perSecond: 2 },
};

type Request = IncomingMessage & { readonly originalUrl?: string };

interface Asked {
  readonly request: Request;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly client: Client;
  readonly access: Access;
}

export class Handler {
  readonly #options: HandlerOptions;
  readonly #requests = new Budget(budgets.requests);
  readonly #strangers = new Budget(budgets.strangers);
  readonly #scrapes = new Budget(budgets.metrics);
  readonly #sending: Sending;
  #hosts: { readonly of: GlobalSettings['web']; readonly own: ReadonlySet<string> } | undefined;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#sending = new Sending();
  }

  readonly handle = (request: Request, response: ServerResponse): void => {
    this.#answer(request)
      .catch((error: unknown) => {
        this.#options.log.error(`page: ${printable(messageOf(error))}`);
        return failure(500, 'this could not be answered; the log says why');
      })
      .then((answer) => this.#sending.send(request, response, answer))
      .catch((error: unknown) => {
        this.#options.log.error(`page: ${printable(messageOf(error))}`);
        response.destroy();
      });
  };

  async #answer(request: Request): Promise<Answer> {
    const { web, me, gatekeeper } = this.#options;
    const settings = web();
    if (!settings.enabled) return text(404, 'the page is switched off');
    const [host = '', ...more] = request.headersDistinct.host ?? [];
    if (more.length > 0) return text(400, 'one Host header is needed');
    if (!this.#isOwn(settings, me, host))
      return text(421, 'not a name of this page: [web] hosts in tls-peers.ini lists those that are');
    const { path, query } = targetOf(request);
    if (path === mount) return redirect(308, `${mount}/`);
    if (!path.startsWith(`${mount}/`)) return text(404, 'not found');
    const client = gatekeeper.clientOf(request);
    const method = request.method ?? '';
    const below = path.slice(mount.length + 1);
    const access = gatekeeper.accessOf(request, client);
    const isStranger = access.kind === 'none' || access.kind === 'wait';
    const seconds = (isStranger ? this.#strangers : this.#requests).take(this.#options.steady());
    if (seconds > 0) return tooMany(seconds);
    const asked = { request, method, path: below, query, client, access };
    return method === 'POST' ? this.#post(asked) : this.#get(asked);
  }

  #isOwn(settings: GlobalSettings['web'], me: string, host: string): boolean {
    if (this.#hosts?.of !== settings) this.#hosts = { of: settings, own: ownHosts(settings, me) };
    return isOwnHost(this.#hosts.own, host);
  }

  async #get(asked: Asked): Promise<Answer> {
    const { method, path, access, query, request } = asked;
    if (method !== 'GET' && method !== 'HEAD')
      return text(405, 'GET, or POST for log-in, log-out and test', { Allow: 'GET, HEAD, POST' });
    const { files } = this.#options;
    const accepts = request.headers['accept-encoding'] ?? '';
    if (files.isOpen(path)) return files.answer(path, accepts) ?? text(404, 'not found');
    if (access.kind === 'wait') return tooMany(access.seconds);
    if (access.kind === 'none') return this.#withoutCredential(asked);
    if (path === 'metrics') {
      const seconds = this.#scrapes.take(this.#options.steady());
      return seconds > 0 ? tooMany(seconds) : this.#options.metrics(request.headers.accept ?? '');
    }
    if (path.startsWith('api/')) return this.#api({ ...asked, method: 'GET' }, query);
    return files.answer(path === '' ? 'index.html' : path, accepts) ?? text(404, 'not found');
  }

  #withoutCredential({ path, request }: Asked): Answer {
    const challenge = { 'WWW-Authenticate': 'Bearer realm="tls-peers"' };
    if (path !== '') return failure(401, 'a token is needed', challenge);
    // A link elsewhere leads here without the cookie. Asked for once more, from here, it comes with it.
    const isLedHere =
      request.headers['sec-fetch-site'] === 'cross-site' && request.headers['sec-fetch-mode'] === 'navigate';
    const name = isLedHere ? 'again.html' : 'login.html';
    const page = this.#options.files.answer(name, request.headers['accept-encoding'] ?? '');
    return page === undefined ? failure(401, 'a token is needed', challenge) : { ...page, status: 401 };
  }

  async #post(asked: Asked): Promise<Answer> {
    const { path, access, request, client } = asked;
    const { gatekeeper } = this.#options;
    if (access.kind === 'wait') return tooMany(access.seconds);
    // A bearer is nothing that a browser sends by itself.
    if (access.kind !== 'bearer' && !isFromOurPage(request.headersDistinct, request.headers.host ?? ''))
      return failure(403, 'only from this page');
    if (path === 'login') {
      const form = await readForm(request);
      if (form === undefined) return text(400, 'a form with the token is needed');
      return this.#logIn(form.get('token') ?? '', client);
    }
    if (access.kind === 'none') return failure(401, 'a token is needed');
    if (path === 'logout')
      return redirect(303, `${mount}/`, { 'Set-Cookie': gatekeeper.logOut(access, client) });
    if (!path.startsWith('api/')) return text(405, 'GET only', { Allow: 'GET, HEAD' });
    const form = await readForm(request);
    return form === undefined
      ? failure(400, 'a form is needed')
      : this.#api({ ...asked, method: 'POST' }, form);
  }

  #logIn(given: string, client: Client): Answer {
    const { gatekeeper, log } = this.#options;
    const logIn = gatekeeper.logIn(given.trim(), client);
    switch (logIn.kind) {
      case 'in':
        log.info(`page: log-in from ${printable(client.address)}`);
        return redirect(303, `${mount}/`, { 'Set-Cookie': logIn.cookie });
      case 'wrong':
        log.notice(`page: refused a log-in from ${printable(client.address)}`);
        return {
          ...(this.#options.files.answer('refused.html', '') ?? text(403, 'not the token')),
          status: 403,
        };
      case 'wait':
        return tooMany(logIn.seconds);
    }
  }

  #api(asked: Asked & Pick<ApiRequest, 'method'>, query: URLSearchParams): Promise<Answer> {
    const [, version, path = ''] = /^api\/(v\d+)\/(.*)$/.exec(asked.path) ?? [];
    if (version !== 'v1') return Promise.resolve(failure(404, 'there is api/v1/'));
    const gzip = /\bgzip\b/.test(asked.request.headers['accept-encoding'] ?? '');
    return this.#options.api({ method: asked.method, path, query, gzip });
  }
}

function tooMany(seconds: number): Answer {
  return failure(429, 'too many requests', { 'Retry-After': String(seconds) });
}

/** Where it is mounted in an app, `url` is without what stands before. */
function targetOf({ originalUrl, url }: Request): { readonly path: string; readonly query: URLSearchParams } {
  const target = originalUrl ?? url ?? '';
  const relative = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const [path = '', ...query] = relative.split('?');
  return { path, query: new URLSearchParams(query.join('?')) };
}
