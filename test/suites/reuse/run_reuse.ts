/** Plays scenarios, those of one Haraka in one lab, and holds what their hosts saw to what they say. */
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import { iniText, timeoutsText } from '../../../haraka-test-harness/ini';
import type { Outcome } from '../../../haraka-test-harness/reports';
import type { PeerConnection } from '../../../haraka-test-harness/smtp_peer';
import type { RawRecordSet, World } from '../../../haraka-test-harness/world';
import {
  harakas,
  type HarakaKind,
  type HarakaName,
  type Names,
  type Scenario,
  type Stage,
  type Way,
} from './scenario';
import { inWords } from './words';

export interface Result {
  readonly name: string;
  readonly haraka: HarakaName;
  readonly seconds: number;
  readonly messages: number;
  /** What the host saw, in words. */
  readonly sessions: readonly string[];
  /** What is not as it should be, one line each. */
  readonly faults: readonly string[];
}

const atOnce = 12;

/** One lab after the other; calls `done` as each scenario is finished. */
export async function runReuse(
  scenarios: readonly Scenario[],
  done: (result: Result) => void = () => undefined,
  options: LabOptions = {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (const name of Object.keys(harakas) as HarakaName[]) {
    const own = scenarios.filter(({ haraka }) => haraka === name);
    if (own.length > 0) results.push(...(await runIn(name, own, done, options)));
  }
  return results;
}

async function runIn(
  name: HarakaName,
  scenarios: readonly Scenario[],
  done: (result: Result) => void,
  options: LabOptions,
): Promise<Result[]> {
  const { order } = harakas[name];
  const named = scenarios.map((scenario, index) => ({ scenario, names: namesOf(name, index) }));
  const lab = await startLab(worldOf(named), { ...optionsOf(name, named), ...options });
  try {
    const plays = named.map(({ scenario, names }) => new Play(lab, scenario, names));
    const results: Result[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < plays.length; index = next++) {
        const play = plays[index];
        if (play === undefined) return;
        await play.act();
        const result = await play.result();
        results[index] = result;
        done(result);
      }
    };
    await Promise.all(Array.from({ length: order === 'at_once' ? atOnce : 1 }, worker));
    return results.map((result, index) => ({ ...result, faults: [...result.faults, ...late(plays[index])] }));
  } finally {
    await lab.stop();
  }
}

/** What came to light when all the others were over: a copy, or a session more. */
function late(play: Play | undefined): string[] {
  return play === undefined ? [] : play.copies();
}

// --- the world -------------------------------------------------------------------------------------------------------

interface Named {
  readonly scenario: Scenario;
  readonly names: Names;
}

function namesOf(haraka: HarakaName, index: number): Names {
  const own = `${haraka}-${index}.example`;
  return {
    host: `mx.${own}`,
    address: `127.24.${Object.keys(harakas).indexOf(haraka)}.${index + 1}`,
    recipients: { p: `p.${own}`, q: `q.${own}` },
    senders: { a: `a.${own}`, b: `b.${own}` },
  };
}

function worldOf(named: readonly Named[]): World {
  return {
    hosts: Object.fromEntries(
      named.map(({ scenario, names }) => [
        names.host,
        { dnssec: 'secure', ...scenario.host, addresses: [names.address] },
      ]),
    ),
    domains: Object.assign(
      {},
      ...named.map(({ scenario, names }) => {
        const mx = { host: names.host };
        const ordinary = { p: { mx: [mx] }, q: { mx: [mx] } };
        const domains = { ...ordinary, ...scenario.domains?.(mx, names) };
        return Object.fromEntries(
          Object.entries(domains).map(([one, spec]) => [names.recipients[one as 'p' | 'q'], spec]),
        );
      }),
    ) as World['domains'],
    records: named.flatMap(({ names }): RawRecordSet[] => [
      // Another name of the same address.
      {
        name: `other.${names.host}`,
        type: 'A',
        records: [{ type: 'A', address: names.address }],
      },
    ]),
  };
}

function optionsOf(name: HarakaName, named: readonly Named[]): LabOptions {
  const about: HarakaKind = harakas[name];
  const routes = Object.fromEntries(
    named.flatMap(({ scenario, names }) =>
      Object.entries(scenario.routes?.(names) ?? {}).map(([sender, route]) => [
        names.senders[sender as 'a' | 'b'],
        route,
      ]),
    ),
  );
  return {
    plugins: ['routing', 'tls-peers'],
    ownPlugins: { routing },
    env: { REUSE_ROUTES: JSON.stringify(routes) },
    ...(about.workers === undefined ? {} : { workers: about.workers }),
    ...(about.outbound === undefined ? {} : { outbound: about.outbound }),
    config: {
      'tls-peers.ini':
        timeoutsText(3) +
        iniText({
          delivery: about.delivery,
          // What changes in DNS is to be seen soon.
          cache: { max_ttl: '1', max_negative_ttl: '1' },
          outbound: { 'routes[]': 'routing' },
        }),
      'tls.ini': [
        '[outbound]',
        ...named.flatMap(({ scenario, names }) =>
          scenario.tlsIni === 'no_tls_hosts' ? [`no_tls_hosts[] = ${names.host}`] : [],
        ),
        '',
      ].join('\n'),
      ...(about.smtpIni === undefined ? {} : { 'smtp.ini': about.smtpIni }),
      ...Object.assign({}, ...named.map(filesOf)),
    },
  };
}

function filesOf({ scenario, names }: Named): Record<string, string> {
  const { a, b } = scenario.rules;
  return {
    [ruleFile(names, 'a')]: iniText({ outbound: a }),
    ...(b === undefined ? {} : { [ruleFile(names, 'b')]: iniText({ outbound: b }) }),
    ...scenario.files?.(names),
  };
}

function ruleFile(names: Names, sender: 'a' | 'b'): string {
  return `tls-peers/${names.senders[sender]}.ini`;
}

/** Answers `get_mx` by the sender's domain. */
const routing = `
const routes = JSON.parse(process.env.REUSE_ROUTES);
exports.hook_get_mx = (next, hmail) => {
  const route = routes[hmail.todo.mail_from.host];
  if (route === undefined) return next();
  next(OK, route);
};`;

// --- one scenario -----------------------------------------------------------------------------------------------------

/** How long a host may take to have seen what it should; milliseconds. */
const patience = 12_000;

class Play implements Stage {
  readonly #ids: string[] = [];
  readonly #faults: string[] = [];
  #seconds = 0;

  readonly #scenario: Scenario;

  constructor(
    readonly lab: Lab,
    scenario: Scenario,
    readonly names: Names,
  ) {
    this.#scenario = scenario;
  }

  get host(): Stage['host'] {
    return this.lab.peer(this.names.host);
  }

  async act(): Promise<void> {
    const begun = performance.now();
    try {
      await this.deliver('a');
      for (const step of this.#scenario.steps) {
        if (typeof step === 'string') await this.deliver(step);
        else await step(this);
      }
      await this.outcomes();
    } catch (error) {
      this.#faults.push(error instanceof Error ? error.message : String(error));
    }
    this.#seconds = (performance.now() - begun) / 1000;
  }

  async result(): Promise<Result> {
    const scenario = this.#scenario;
    // What is said last comes behind the outcome.
    const wanted = JSON.stringify(scenario.sessions);
    if (scenario.sessions !== 'any') {
      await this.host
        .until(() => JSON.stringify(this.sessions()) === wanted, patience)
        .catch(() => undefined);
    }
    return {
      name: scenario.name,
      haraka: scenario.haraka,
      seconds: this.#seconds,
      messages: this.#ids.length,
      sessions: this.sessions(),
      faults: [
        ...this.#faults,
        ...this.#firstSession(),
        ...(scenario.sessions === 'any' ? [] : differences(scenario.sessions, this.sessions())),
        ...this.#fates(),
        ...this.copies(),
        ...this.#places(),
        ...this.#leaks(),
      ],
    };
  }

  /** Each message is there once where it was delivered, and nowhere else. */
  copies(): string[] {
    return this.#ids.flatMap((id, number) => {
      const copies = this.host.messages.filter((message) => message.id === id).length;
      const wanted = this.lab.outcomes(id).filter(({ status }) => status === 'delivered').length;
      return copies === wanted
        ? []
        : [`message ${number} arrived ${copies} times, and was delivered ${wanted} times`];
    });
  }

  async send(way: Way, recipients: readonly string[] = ['you']): Promise<void> {
    await this.#submit(way, recipients);
  }

  async deliver(way: Way, recipients: readonly string[] = ['you']): Promise<Outcome> {
    return this.lab.outcome(await this.#submit(way, recipients), { timeoutMs: 30_000 });
  }

  outcomes(): Promise<readonly Outcome[]> {
    return Promise.all(this.#ids.map((id) => this.lab.outcome(id, { timeoutMs: 30_000 })));
  }

  async rewrite(sender: 'a' | 'b', rule: Readonly<Record<string, string>>): Promise<void> {
    const from = this.lab.haraka.logLines.length;
    await this.lab.haraka.writeConfig(ruleFile(this.names, sender), iniText({ outbound: rule }));
    await this.lab.haraka.waitForLog(new RegExp(this.names.senders[sender].replaceAll('.', '\\.')), { from });
  }

  async #submit(way: Way, recipients: readonly string[]): Promise<string> {
    const [sender, recipient = 'p'] = way.split(' ') as ['a' | 'b', 'p' | 'q' | undefined];
    const to = recipients.map((local) => `${local}@${this.names.recipients[recipient]}`);
    const number = this.#ids.push('') - 1;
    const { id } = await this.lab.send({ from: `me@${this.names.senders[sender]}`, to });
    this.#ids[number] = id;
    return id;
  }

  #numberOf(id: string): number | undefined {
    const number = this.#ids.indexOf(id);
    return number < 0 ? undefined : number;
  }

  #words(connections: readonly PeerConnection[]): string[] {
    return connections.map((one) => inWords(one, (id) => this.#numberOf(id)));
  }

  sessions(): string[] {
    return this.#words(this.host.connections.slice(1));
  }

  /** Nobody had sent to this host: there was no reason to keep it. */
  #firstSession(): string[] {
    const { sessions } = this.#scenario;
    if (sessions !== 'any' && sessions.some((session) => session.includes('(0)'))) return [];
    const [first = ''] = this.#words(this.host.connections.slice(0, 1));
    const isOver = !first.endsWith('…');
    return isOver && first.match(/\(/g)?.length === 1 && first.includes('(0)')
      ? []
      : [`the session before was: ${first}`];
  }

  #fates(): string[] {
    return this.#ids.flatMap((id, number) => {
      const expected = this.#scenario.outcomes?.[number] ?? 'delivered';
      const outcome = this.lab.outcomes(id)[0];
      if (outcome === undefined) return [`nothing became of message ${number}`];
      const { status, summary, failures } = outcome;
      const reasons = reasonsOf(summary);
      const seen = [status, ...reasons].join(' ');
      return [
        ...(seen === expected
          ? []
          : [`message ${number} was ${seen}, expected ${expected}: ${outcome.error}`]),
        ...(failures === 0 || status !== 'delivered'
          ? []
          : [`message ${number} had failed ${failures} times before`]),
      ];
    });
  }

  /** The summary says at which place of its session a message was. */
  #places(): string[] {
    const places = new Map<string, number>();
    for (const session of this.#words(this.host.connections)) {
      [...session.matchAll(/MAIL[^(]*?(?:\((\d+)\)|(?= MAIL| QUIT| …|$))/g)].forEach(([, number], index) => {
        if (number !== undefined) places.set(number, index);
      });
    }
    return this.#ids.flatMap((id, number) => {
      const place = places.get(String(number));
      const [outcome] = this.lab.outcomes(id);
      if (place === undefined || outcome?.status !== 'delivered') return [];
      const told = outcome.summary?.['messages_before'];
      return told === place
        ? []
        : [`message ${number} was at place ${place}, its summary says ${String(told)}`];
    });
  }

  /** RFC 3207: before TLS nothing but these. */
  #leaks(): string[] {
    if (this.#scenario.cleartext === 'allowed') return [];
    return this.host.connections
      .flatMap(({ cleartext }) => cleartext.split('\r\n'))
      .filter((line) => !/^(?:(?:EHLO|LHLO) \S+|STARTTLS|QUIT|)$/.test(line))
      .map((line) => `the host read ${JSON.stringify(line)} before TLS`);
  }
}

function reasonsOf(summary: Outcome['summary']): string[] {
  const reasons = summary?.['reasons'];
  return Array.isArray(reasons) ? (reasons as { reason: string }[]).map(({ reason }) => reason) : [];
}

function differences(expected: readonly string[], seen: readonly string[]): string[] {
  return Array.from({ length: Math.max(expected.length, seen.length) }, (_, index) => index).flatMap(
    (index) =>
      expected[index] === seen[index]
        ? []
        : [`session ${index + 1} was ${seen[index] ?? 'not there'}, expected ${expected[index] ?? 'none'}`],
  );
}
