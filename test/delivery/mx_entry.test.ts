import { expect, test } from 'vitest';
import type { HarakaMx } from '../../src/delivery/haraka';
import { entriesOf, hostOf, isSocket, portOf } from '../../src/delivery/mx_entry';
import type { HostPlan } from '../../src/policy/requirement';

test.each<[HarakaMx, host: string, port: number]>([
  [{ exchange: 'mx.peer.example' }, 'mx.peer.example', 25],
  [{ exchange: '192.0.2.1', from_dns: 'mx.peer.example' }, 'mx.peer.example', 25],
  // In the form in which plans name hosts, or the host would have no plan.
  [{ exchange: 'MX.Peer.Example.' }, 'mx.peer.example', 25],
  [{ exchange: 'mx.bücher.example' }, 'mx.xn--bcher-kva.example', 25],
  [{ exchange: '2001:DB8::1' }, '2001:db8::1', 25],
  [{ path: '/var/run/LMTP' }, '/var/run/lmtp', 25],
  [{}, '', 25],
  [{ exchange: 'relay.example', port: 587 }, 'relay.example', 587],
  [{ exchange: 'relay.example', port: '2525' }, 'relay.example', 2525],
  [{ exchange: 'relay.example', port: 0 }, 'relay.example', 25],
  [{ exchange: 'store.example', using_lmtp: true }, 'store.example', 24],
  [{ exchange: 'store.example', using_lmtp: 'true' }, 'store.example', 24],
  [{ exchange: 'store.example', using_lmtp: 1 }, 'store.example', 24],
  [{ exchange: 'store.example', using_lmtp: '' }, 'store.example', 25],
  [{ exchange: 'store.example', using_lmtp: true, port: 2424 }, 'store.example', 2424],
])('%j is host "%s", port %i', (mx, host, port) => {
  expect([hostOf(mx), portOf(mx)]).toEqual([host, port]);
});

test('each address of a plan is an entry that leads back to the plan', () => {
  const plan: HostPlan = {
    host: 'mx.peer.example',
    preference: 10,
    port: 25,
    addresses: ['192.0.2.1', '2001:db8::1'],
    requirement: { kind: 'cleartext', because: 'test' },
    recorded: [],
    discovered: '',
  };
  const entries = entriesOf(plan);
  expect(entries.map(({ exchange, priority }) => [exchange, priority])).toEqual([
    ['192.0.2.1', 10],
    ['2001:db8::1', 10],
  ]);
  expect(entries.map((mx) => [hostOf(mx), portOf(mx)])).toEqual([
    [plan.host, plan.port],
    [plan.host, plan.port],
  ]);
});

test.each<[name: string, mx: HarakaMx, socket: boolean]>([
  ['a path', { path: '/run/lmtp.sock' }, true],
  ['a path beside a host', { exchange: 'mx.example', path: '/run/lmtp.sock' }, true],
  ['an empty path', { exchange: 'mx.example', path: '' }, false],
  ['a path that is null', { exchange: 'mx.example', path: null }, false],
  ['no path', { exchange: 'mx.example' }, false],
])('%s is a UNIX socket for us where it is one for Haraka', (_name, mx, socket) => {
  expect(isSocket(mx)).toBe(socket);
});
