/** What a session shares with its messages beside TLS: who connects from where, by which name, with which protocol and credentials. */
import type { Behaviour } from '../../../haraka-test-harness/behaviours';
import type { Names, Scenario, Stage } from './scenario';
import { clear, tls } from './words';

const mandatory = { security_level: 'mandatory' };
type Own = Omit<Scenario, 'haraka'>;

const offersAuth: Behaviour = {
  secured: { ehlo: { do: 'reply', text: '250-mx\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n' } },
};
const as = (user: string) => ({ auth_user: user, auth_pass: 'secret', auth_type: 'PLAIN' });

/** Both senders have a route to the host; these are the keys that differ. */
function routes(a: object, b: object = a): NonNullable<Scenario['routes']> {
  const route = ({ host }: Names, own: object): object => ({ exchange: host, port: 25, ...own });
  return (names) => ({ a: route(names, a), b: route(names, b) });
}

function cameFrom(...addresses: string[]): (stage: Stage) => void {
  return ({ host }) => {
    const seen = host.connections.slice(1).map(({ remoteAddress }) => remoteAddress);
    if (seen.join(' ') !== addresses.join(' ')) throw new Error(`sessions came from ${seen.join(' ')}`);
  };
}

/** The names that were said within TLS, one for each session. */
function calledThemselves(...names: string[]): (stage: Stage) => void {
  return ({ host }) => {
    const seen = host.connections
      .slice(1)
      .map(({ encrypted }) => /^[EL]HLO (\S+)/.exec(encrypted)?.[1] ?? '');
    if (seen.join(' ') !== names.join(' ')) throw new Error(`sessions called themselves ${seen.join(' ')}`);
  };
}

function askedFor(...names: string[]): (stage: Stage) => void {
  return ({ host }) => {
    const seen = host.connections
      .slice(1)
      .map(({ tls: seenTls }) => (seenTls.kind === 'established' ? seenTls.sni : ''));
    if (seen.join(' ') !== names.join(' ')) throw new Error(`the names asked for were ${seen.join(' ')}`);
  };
}

const ways: readonly Own[] = [
  {
    name: 'another source address is another session',
    rules: { a: mandatory, b: mandatory },
    routes: routes({ bind: '127.0.0.3' }, { bind: '127.0.0.4' }),
    steps: ['a', 'b', 'a', 'b', cameFrom('127.0.0.3', '127.0.0.4')],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'other credentials are another session, authenticated by itself',
    rules: { a: mandatory, b: mandatory },
    host: { behaviour: offersAuth },
    routes: routes(as('one'), as('two')),
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls('AUTH', 1, 3), tls('AUTH', 2, 4)],
  },
  {
    name: 'without credentials a session that has authenticated is not used',
    rules: { a: mandatory, b: mandatory },
    host: { behaviour: offersAuth },
    routes: routes(as('one'), {}),
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls('AUTH', 1, 3), tls(2, 4)],
  },
  {
    name: 'the same credentials are said once',
    rules: { a: mandatory, b: mandatory },
    host: { behaviour: offersAuth },
    routes: routes(as('one')),
    steps: ['a', 'b'],
    sessions: [tls('AUTH', 1, 2)],
  },
  {
    name: 'another name in EHLO is another session',
    rules: { a: mandatory, b: mandatory },
    routes: routes({ bind_helo: 'one.example' }, { bind_helo: 'two.example' }),
    steps: ['a', 'b', 'a', 'b', calledThemselves('one.example', 'two.example')],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'LMTP and SMTP do not share a session; LMTP keeps its own',
    rules: { a: mandatory, b: mandatory },
    routes: routes({ using_lmtp: true }, {}),
    steps: ['a', 'b', 'a', 'b'],
    sessions: [tls(1, 3).replaceAll('EHLO', 'LHLO'), tls(2, 4)],
  },
  {
    name: 'a host under two names: the name that TLS asks for makes another session',
    rules: { a: mandatory, b: mandatory },
    routes: (names) => ({
      a: { exchange: names.host, port: 25 },
      b: { exchange: `other.${names.host}`, port: 25 },
    }),
    steps: ['a', 'b', 'a', 'b', (stage) => askedFor(stage.names.host, `other.${stage.names.host}`)(stage)],
    sessions: [tls(1, 3), tls(2, 4)],
  },
  {
    name: 'a host under two names is one session in cleartext',
    rules: { a: { security_level: 'opportunistic' }, b: { security_level: 'opportunistic' } },
    host: { behaviour: 'no-starttls' },
    cleartext: 'allowed',
    routes: (names) => ({
      a: { exchange: names.host, port: 25 },
      b: { exchange: `other.${names.host}`, port: 25 },
    }),
    steps: ['a', 'b', 'a'],
    sessions: [clear(1, 2, 3)],
  },
];

export const wayScenarios: readonly Scenario[] = ways.map((one): Scenario => ({ haraka: 'patient', ...one }));
