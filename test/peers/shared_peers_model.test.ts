/** Which section governs, against a model that is a filter and a sort over all sections. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utcDay } from '../../src/peers/day';
import { explainInbound, explainOutbound } from '../../src/peers/explain';
import { formatPeer, parsePeer, type Peer } from '../../src/peers/index';
import { maskTo, parseAddress } from '../../src/peers/network';
import { inboundRule, outboundRule } from '../../src/peers/rules';
import { loadSettings } from '../../src/settings/load/load';
import type { Settings } from '../../src/settings/schema/types';
import { memorySource } from '../settings/memory_source';
import { times } from '../support/times';

const today = utcDay(new Date('2026-06-15'));

function settingsOf(files: Record<string, string>): Settings {
  const { settings, faults } = loadSettings(memorySource(files));
  expect(faults).toEqual([]);
  return settings;
}

interface Written {
  readonly peer: string;
  readonly state: 'enabled' | 'disabled' | 'lapsed' | 'lapsing';
  readonly scope: 'none' | 'unmanaged' | 'all';
}

const domain = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.1.0.1', '2001:db8::1', '2001:db8::2');
const network = fc
  .tuple(ip, fc.nat(128))
  .map(([text, wide]): Peer => {
    const address = parseAddress(text)!;
    const prefix = address.family === 4 ? wide % 33 : wide;
    return { kind: 'network', network: { ...address, prefix, bits: maskTo(address, prefix) } };
  })
  .map(formatPeer);
const peerName = fc.oneof(
  domain,
  domain.map((of) => `*.${of}`),
);
const written = (peer: fc.Arbitrary<string>, scopes: readonly Written['scope'][]) =>
  fc.uniqueArray(
    fc.record({
      peer,
      state: fc.constantFrom<Written['state']>('enabled', 'enabled', 'disabled', 'lapsed', 'lapsing'),
      scope: fc.constantFrom(...scopes),
    }),
    { selector: ({ peer: of }) => of, maxLength: 8 },
  );
const files = (peer: fc.Arbitrary<string>) =>
  fc.record({
    own: written(peer, ['none']),
    shared: written(peer, ['none', 'unmanaged', 'all']),
    status: fc.constantFrom('enabled', 'enabled', 'disabled'),
    hasDefault: fc.boolean(),
  });

function textOf(direction: string, sections: readonly Written[]): string {
  const lines = { enabled: '', disabled: 'status = disabled\n', lapsed: 'exempt_until = 2026-06-14\n' };
  return sections
    .map(({ peer, state, scope }) => {
      const standing = state === 'lapsing' ? 'exempt_until = 2026-06-15\n' : lines[state];
      return `[${direction} ${peer}]\n${standing}${scope === 'none' ? '' : `scope = ${scope}\n`}`;
    })
    .join('');
}

interface Asked {
  readonly name: string;
  readonly ip: string;
}

function fits({ peer }: Written, { name, ip: client }: Asked): boolean {
  const parsed = parsePeer(peer)!;
  if (parsed.kind === 'name') return parsed.name === name;
  if (parsed.kind === 'wildcard') return name.endsWith(`.${parsed.domain}`);
  const address = parseAddress(client);
  const { family, prefix, bits } = parsed.network;
  const head = (of: bigint) =>
    of
      .toString(2)
      .padStart(family === 4 ? 32 : 128, '0')
      .slice(0, prefix);
  return address !== undefined && address.family === family && head(address.bits) === head(bits);
}

/** The higher, the sooner. */
function rank({ peer }: Written): number {
  const parsed = parsePeer(peer)!;
  if (parsed.kind === 'network') return 2000 + parsed.network.prefix;
  return parsed.kind === 'name' ? 1000 : parsed.domain.length;
}

/** The sentences of the manual, one after the other, without any index. */
function model(
  direction: string,
  isManaged: boolean,
  { own, shared, hasDefault }: { own: Written[]; shared: Written[]; hasDefault: boolean },
  asked: Asked,
): string {
  const applies = ({ state }: Written) => state === 'enabled' || state === 'lapsing';
  const best = (sections: readonly Written[]) =>
    sections
      .filter((one) => fits(one, asked) && applies(one))
      .sort((a, b) => rank(b) - rank(a))
      .at(0)?.peer;
  const globalDefault = `tls-peers.ini [${direction}]`;
  const sharedName = (peer: string) => `tls-peers.ini [${direction} ${peer}]`;
  if (!isManaged) {
    const peer = best(shared);
    return peer === undefined ? globalDefault : sharedName(peer);
  }
  const rest = hasDefault ? `a.example [${direction}]` : globalDefault;
  if (own.some((one) => fits(one, asked))) {
    const peer = best(own);
    return peer === undefined ? rest : `a.example [${direction} ${peer}]`;
  }
  const peer = best(shared.filter(({ scope }) => scope === 'all'));
  return peer === undefined ? rest : sharedName(peer);
}

const owners = fc.constantFrom('a.example', 'b.example', '');

test('outbound, the rule is the one of a model without any index, and explain says the same', () => {
  fc.assert(
    fc.property(files(peerName), owners, domain, (written, sender, name) => {
      const settings = settingsOf(filesOf('outbound', written));
      const found = outboundRule(settings, sender, name, today);
      const isManaged = sender === 'a.example' && written.status === 'enabled';
      const expected = model('outbound', isManaged, written, { name, ip: '' });
      expect(found.kind === 'rule' && found.rule.name).toBe(expected);
      const explained = explainOutbound(settings, sender, name, today);
      expect(explained.kind === 'explained' && explained.rule).toEqual(found.kind === 'rule' && found.rule);
    }),
    { numRuns: 300 * times },
  );
});

test('inbound, the rule is the one of a model without any index, and explain says the same', () => {
  const sender = fc.oneof(domain, fc.constant(''));
  fc.assert(
    fc.property(files(fc.oneof(peerName, network)), owners, sender, ip, (written, to, name, client) => {
      const settings = settingsOf(filesOf('inbound', written));
      const peer = { ip: client, senderDomain: name };
      const found = inboundRule(settings, to, peer, today);
      const isManaged = to === 'a.example' && written.status === 'enabled';
      const expected = model('inbound', isManaged, written, { name, ip: client });
      expect(found.kind === 'rule' && found.rule.name).toBe(expected);
      const explained = explainInbound(settings, to, peer, today);
      expect(explained.kind === 'explained' && explained.rule).toEqual(found.kind === 'rule' && found.rule);
    }),
    { numRuns: 300 * times },
  );
});

function filesOf(
  direction: string,
  {
    own,
    shared,
    status,
    hasDefault,
  }: { own: Written[]; shared: Written[]; status: string; hasDefault: boolean },
): Record<string, string> {
  return {
    'tls-peers.ini': textOf(direction, shared),
    'tls-peers/a.example.ini': `status = ${status}\n${hasDefault ? `[${direction}]\n` : ''}${textOf(direction, own)}`,
  };
}
