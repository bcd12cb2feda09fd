/** What a changed rule would have done is the same, whether the command is asked or the page. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countsName } from '../../src/day_files/names';
import type { PeerKey } from '../../src/evidence/day_table';
import { countsLine, evidenceHeader } from '../../src/evidence/lines';
import { sightingText, unseen, type Sighting } from '../../src/evidence/sighting';
import { dayBefore, parseDay, type Day } from '../../src/peers/day';
import { Desk } from '../../src/web/api/desk';
import type { Reply } from '../../src/web/api/reply';
import { Router } from '../../src/web/api/router';
import { call, configDirectory } from '../cli/call';

const last = parseDay('2026-06-15') ?? ('' as Day);
const first = dayBefore(last, 9);
const managed = ['a.example', 'b.example', 'xn--bcher-kva.example', ''];
const peers = ['one.example', 'two.example', 'mail.two.example', 'three.example', '(others)', '<>'];
const networks = ['192.0.2.0/24', '2001:db8::/32'];

let config: ReturnType<typeof configDirectory>;
let router: Router;
beforeAll(() => {
  config = configDirectory({
    'config/tls-peers.ini': '[inbound 192.0.2.0/24]\nsecurity_level = mandatory\nenforcement = monitor\n',
    'config/tls-peers/a.example.ini':
      '[outbound two.example]\nsecurity_level = none\n[inbound *.two.example]\n',
    'config/tls-peers/b.example.ini':
      '[outbound]\nsecurity_level = opportunistic\n[inbound 2001:db8::/32]\nsecurity_level = mandatory\n',
    'config/tls-peers/xn--bcher-kva.example.ini': '[outbound]\nsecurity_level = mandatory\n',
  });
  const directory = path.join(config.directory, 'evidence');
  mkdirSync(directory, { mode: 0o700 });
  for (let back = 0; back < 12; back++) {
    const day = dayBefore(last, back);
    const lines = keys().flatMap((key) => (chance(3) === 0 ? [] : [countsLine(key, counts(key))]));
    writeFileSync(path.join(directory, countsName(day)), evidenceHeader.text(day) + lines.join(''), {
      mode: 0o600,
    });
  }
  router = new Router(new Desk(path.join(config.directory, 'config')));
});
afterAll(() => config.remove());

function keys(): PeerKey[] {
  return managed.flatMap((domain) => [
    ...peers.map((peer): PeerKey => ({ managed: domain, direction: 'out', peer })),
    ...[...peers, ...networks].map((peer): PeerKey => ({ managed: domain, direction: 'in', peer })),
  ]);
}

/** What one managed domain has seen of a peer, another has not: each knows something else. */
function counts(key: PeerKey): Map<string, number> {
  const found = new Map<string, number>();
  for (let kinds = chance(3); kinds >= 0; kinds--)
    found.set(sightingText(key.direction === 'out' ? outbound(key) : inbound()), 1 + chance(9));
  return found;
}

/** How peers are. Each message shows a part of it, and those of a.example nothing of TLS. */
const truths: Readonly<Record<string, Partial<Sighting>>> = {
  'one.example': { startTls: 'used', tls: 'TLSv1.3', pkix: 'pass', tlsa: 'none', policy: 'none' },
  'two.example': { startTls: 'not_offered', tls: 'none', tlsa: 'none', policy: 'testing' },
  'mail.two.example': { startTls: 'used', tls: 'TLSv1.2', pkix: 'certificate-expired', tlsa: 'pass' },
  'three.example': { startTls: 'used', tls: 'TLSv1.3', pkix: 'pass', tlsa: 'pass', policy: 'enforce' },
};

function outbound({ managed: sender, peer }: PeerKey): Sighting {
  const truth = truths[peer] ?? {};
  const used = truth.startTls === 'used';
  const [isTried, isChecked] = [sender !== 'a.example' && chance(3) > 0, chance(2) > 0];
  return {
    ...unseen,
    outcome: among(['delivered', 'delivered', 'delivered', 'deferred'] as const),
    level: among(['opportunistic', 'mandatory', 'auto', 'none'] as const),
    minimum: 'TLSv1',
    startTls: isTried ? (truth.startTls ?? 'failed') : 'not_tried',
    tls: isTried && used ? (truth.tls ?? 'unknown') : 'none',
    verified: isTried && used ? 'unauthenticated' : 'none',
    group: isTried && used ? 'classic' : 'none',
    pkix: isTried && used && isChecked ? (truth.pkix ?? 'unknown') : 'unknown',
    mx: truth.tlsa === 'pass' ? 'secure' : 'insecure',
    tlsa: chance(2) > 0 ? (truth.tlsa ?? 'unknown') : 'unknown',
    policy: chance(2) > 0 ? (truth.policy ?? 'unknown') : 'unknown',
    otherHosts: peer === 'three.example' ? 'some' : 'none',
    reason: among(['none', 'tls-handshake-failed'] as const),
  };
}

function inbound(): Sighting {
  const tls = among(['none', 'TLSv1', 'TLSv1.2', 'TLSv1.3'] as const);
  return {
    ...unseen,
    outcome: among(['accepted', 'refused'] as const),
    level: 'opportunistic',
    startTls: tls === 'none' ? 'not_offered' : 'used',
    tls,
    reason: 'none',
  };
}

let state = 1;
/** The same in every run. */
function chance(below: number): number {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
}

function among<T>(of: readonly T[]): T {
  return of[chance(of.length)] as T;
}

type Asked = Readonly<Record<'managed' | 'direction' | 'peer', string>> & { readonly set: readonly string[] };
const asked = (of: Partial<Asked>): Partial<Asked> => of;

const changes = [
  asked({ set: ['security_level=mandatory'] }),
  asked({ set: ['security_level=verify', 'min_tls_version=1.3'] }),
  asked({ managed: 'a.example', set: ['security_level=mandatory_dane'] }),
  asked({ managed: 'b.example', set: ['security_level=verify'] }),
  asked({ managed: 'xn--bcher-kva.example', set: ['security_level=auto'] }),
  asked({ managed: '', set: ['security_level=mta_sts'] }),
  asked({ managed: 'a.example', peer: 'one.example', set: ['security_level=verify'] }),
  asked({ managed: 'a.example', peer: 'two.example', set: ['security_level=mandatory'] }),
  asked({ managed: 'b.example', peer: 'two.example', set: ['security_level=mandatory_dane'] }),
  asked({ managed: 'b.example', peer: '*.two.example', set: ['security_level=verify'] }),
  asked({ managed: '', peer: 'three.example', set: ['security_level=mandatory'] }),
  asked({ peer: 'three.example', set: ['security_level=opportunistic', 'cleartext_fallback=never'] }),
  asked({ direction: 'out', managed: 'a.example', set: ['enforcement=monitor', 'security_level=mandatory'] }),
  asked({ direction: 'in', set: ['security_level=mandatory'] }),
  asked({ direction: 'in', managed: 'a.example', set: ['min_tls_version=1.3', 'security_level=mandatory'] }),
  asked({ direction: 'in', managed: 'b.example', peer: 'two.example', set: ['security_level=mandatory'] }),
  asked({ direction: 'in', managed: 'b.example', peer: '192.0.2.0/24', set: ['security_level=mandatory'] }),
  asked({ direction: 'in', peer: '2001:db8::/32', set: ['security_level=opportunistic'] }),
];

test.each(changes)('%j', async ({ set = [], direction, ...of }) => {
  const parameters: [string, string][] = [
    ['from', first],
    ['to', last],
    ...Object.entries(of),
    ...set.map((one): [string, string] => ['set', one]),
  ];
  const options = parameters.flatMap(([name, value]) => [`--${name}`, value]);
  const word = direction === undefined ? [] : [direction === 'in' ? '--inbound' : '--outbound'];
  const where = ['-c', path.join(config.directory, 'config'), '--json'];
  const { out, err } = await call(['impact', ...options, ...word, ...where]);
  expect(err).toEqual([]);
  const commands = JSON.parse(out.join('\n')) as { total: { messages: number }; peers: unknown[] };
  const pages = await ask([
    ...parameters,
    ...(direction === undefined ? [] : [['direction', direction] as const]),
  ]);
  expect(pages).toEqual(commands);
  expect(commands.total.messages).toBeGreaterThan(0);
});

test.each([
  [[], 'set is needed, as KEY=VALUE'],
  [[['set', 'colour=blue']], /^set takes KEY=VALUE, where KEY is one of security_level,/],
  [
    [['set', 'security_level=secure']],
    'set security_level=secure: write verify, and match=nexthop,dot-nexthop',
  ],
  [
    [
      ['managed', 'xn--mnchen-3ya.example'],
      ['set', 'security_level=auto'],
    ],
    'no managed domain with a valid file: xn--mnchen-3ya.example',
  ],
] as const)('what cannot be is said in the words of the page: %j', async (parameters, text) => {
  await expect(ask(parameters)).rejects.toThrow(text);
});

async function ask(query: readonly (readonly [string, string])[]): Promise<unknown> {
  const reply: Reply = await router.answer({
    id: 1,
    method: 'GET',
    path: 'impact',
    query,
    gzip: false,
    process: { pid: 1, version: '', resolver: [], probedAt: '', faults: [] },
  });
  // As it is on the wire.
  return reply.kind === 'json' ? JSON.parse(JSON.stringify(reply.document)) : reply.kind;
}
