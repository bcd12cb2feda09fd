import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Connections } from '../../src/hosting/connections';

class FakeSocket extends EventEmitter {
  destroyed = false;
  constructor(readonly remoteAddress: string) {
    super();
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function arrive(connections: Connections, addresses: readonly string[]): FakeSocket[] {
  return addresses.map((address, index) => {
    const socket = new FakeSocket(address);
    connections.admit(socket as unknown as Socket, index);
    return socket;
  });
}

/** A letter for each that is still open. */
const open = (sockets: readonly FakeSocket[]) =>
  sockets.map(({ destroyed }) => (destroyed ? '.' : 'o')).join('');

describe('connections to a listener', () => {
  const limits = { most: 4, mostPerClient: 2, lifetimeMs: 10 };
  const floods: readonly (readonly [what: string, from: readonly string[], left: string])[] = [
    ['of one client: its oldest goes', ['192.0.2.1', '192.0.2.1', '192.0.2.1'], '.oo'],
    ['of one client: others stay', ['192.0.2.9', '192.0.2.1', '192.0.2.1', '192.0.2.1'], 'o.oo'],
    ['of one /64', ['2001:db8::1', '2001:db8::2', '2001:db8::ffff'], '.oo'],
    ['of several /64', ['2001:db8::1', '2001:db8:0:1::1', '2001:db8:0:2::1'], 'ooo'],
    ['of one address in both its forms', ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1'], '.oo'],
    [
      'of many clients: the oldest goes',
      ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5'],
      '.oooo',
    ],
  ];
  it.each(floods)('%s', (_what, from, left) => {
    const connections = new Connections(limits);
    const sockets = arrive(connections, from);
    expect(open(sockets)).toBe(left);
    expect(connections.size).toBe(left.replaceAll('.', '').length);
  });

  it('end when their time is up, and one that ended counts no more', () => {
    const connections = new Connections(limits);
    const sockets = arrive(connections, ['192.0.2.1', '192.0.2.2', '192.0.2.1']);
    sockets[1]?.destroy();
    connections.sweep(10);
    expect(open(sockets)).toBe('..o');
    connections.sweep(12);
    expect(open(sockets)).toBe('...');
    expect(connections.size).toBe(0);
  });
});
