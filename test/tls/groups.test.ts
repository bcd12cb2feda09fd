import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import { handshakeTerms } from '../../src/policy/handshake_terms';
import { groupList, hasClassicHello, type Hello } from '../../src/tls/groups';
import { handshakeOptions } from '../../src/tls/options';
import type { TlsVersion } from '../../src/tls/version';

test.each(['default', 'classic'] as const)('this Node takes the %s groups, P-521 among them', (hello) => {
  expect(() => createSecureContext({ ecdhCurve: groupList(hello) })).not.toThrow();
  expect(groupList(hello).split(':')).toContain('P-521');
});

test('the classic groups know no ML-KEM, the others do where this Node does', () => {
  expect(groupList('classic')).not.toContain('MLKEM');
  expect(groupList('default').includes('MLKEM')).toBe(hasClassicHello());
});

/** What a client sends first, octets. */
async function firstFlight(hello: Hello, minVersion: TlsVersion): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const terms = handshakeTerms({
    kind: 'opportunistic',
    minVersion,
    cleartextFallback: 'never',
    serverName: `${`${'a'.repeat(62)}.`.repeat(4)}b`,
    observe: undefined,
    because: 'opportunistic',
  });
  const options = handshakeOptions({ terms, haraka: {}, certificate: 'none', hello });
  const client = connect({ ...options, host: '127.0.0.1', port });
  client.on('error', () => undefined);
  const [peer] = (await once(server, 'connection')) as [Socket];
  const [flight] = (await once(peer, 'data')) as [Buffer];
  client.destroy();
  peer.destroy();
  server.close();
  return flight;
}

test.each(['default', 'classic'] as const)(
  'the %s hello has room in one segment, for the longest host name there is',
  { tags: ['regression'] },
  async (hello) => {
    for (const minVersion of ['TLSv1', 'TLSv1.2', 'TLSv1.3'] as const) {
      const flight = await firstFlight(hello, minVersion);
      // All of it is there: the length of its one record.
      expect(flight.readUInt16BE(3) + 5).toBe(flight.length);
      expect(flight.length).toBeLessThan(700);
    }
  },
);
