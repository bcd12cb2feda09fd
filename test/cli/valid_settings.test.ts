import { afterEach, expect, test } from 'vitest';
import { call, configDirectory } from './call';

let remove: () => void = () => undefined;

afterEach(() => remove());

test.each([
  ['cache', 'list'],
  ['cache', 'purge', 'peer.example'],
  ['cache', 'refresh', 'peer.example'],
  ['records', '--offline', 'example.com'],
])('%s %s goes by no defaults where the global file is not valid', async (command, ...args) => {
  const made = configDirectory({
    'tls-peers.ini': '[mta_sts]\ndirectroy = /var/lib/mta-sts\n',
    'tls-peers/example.com.ini': '[mta_sts]\nmx = mx.example.com\n',
  });
  ({ remove } = made);
  const { code, out, err } = await call([command, '-c', made.directory, ...args]);
  expect([code, out]).toEqual([3, []]);
  expect(err[0]).toMatch(
    /: tls-peers\.ini:2: \[mta_sts\]: directroy = \/var\/lib\/mta-sts: no such key here; .*did you mean directory\?$/,
  );
});
