/** Which path is answered by what. */
import { peerName } from '../../evidence/peer_name';
import type { Desk } from './desk';
import { held } from './held';
import { explain, test } from './network_routes';
import { certificates } from './own';
import { PeerTable } from './peers';
import { Query } from './query';
import { days, impact, overview, traffic } from './record_routes';
import { received, reports } from './reports';
import { AskedWrongly, document, NotThere, type Reply } from './reply';
import { domains, figures, lint, policies, status } from './state_routes';
import type { Question } from '../shared/wire';

type Route = (query: Query, question: Question) => Reply | Promise<Reply>;

export class Router {
  readonly #get: Readonly<Record<string, Route>>;
  readonly #post: Readonly<Record<string, Route>>;

  constructor(desk: Desk) {
    const table = new PeerTable(desk);
    this.#get = {
      status: (_, question) => status(desk, question.process),
      domains: (query) => domains(desk, table, query),
      peers: (query) => table.answer(query),
      peer: (query) => peer(table, query),
      days: (query) => days(desk, query),
      overview: (query) => overview(desk, table, query),
      traffic: (query) => traffic(desk, query),
      impact: (query) => impact(desk, query),
      explain: (query) => explain(desk, query),
      held: (query) => held(desk, query),
      certificates: (query) => certificates(desk, query),
      policies: (query) => policies(desk, query),
      reports: (query) => reports(desk, query),
      received: (query) => received(desk, query),
      lint: () => lint(desk),
      figures: (query) => figures(desk, table, query),
    };
    this.#post = { test: (query) => test(desk, query) };
  }

  /** @throws AskedWrongly, NotThere, TooOften */
  async answer(question: Question): Promise<Reply> {
    const routes = question.method === 'POST' ? this.#post : this.#get;
    const route = Object.hasOwn(routes, question.path) ? routes[question.path] : undefined;
    if (route === undefined) throw new NotThere(`there is no ${question.method} ${question.path}`);
    return route(new Query(question.query), question);
  }
}

async function peer(table: PeerTable, query: Query): Promise<Reply> {
  const managed = (query.text('managed') ?? '').toLowerCase();
  const direction = query.choice('direction', ['out', 'in'], 'out');
  const name = query.needed('peer').toLowerCase();
  if (!/^[\w.*:/[\]<>()-]{1,300}$/.test(name)) throw new AskedWrongly('peer: no name of one');
  const known = /^(?:\*\.|\(|<|\d|.*:)/.test(name) ? name : peerName(name);
  return document(await table.rowOf({ managed, direction, peer: known }));
}
