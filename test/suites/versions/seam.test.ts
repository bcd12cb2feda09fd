/** A Haraka whose delivery cannot be guarded is refused when the plugin is loaded, not when mail is on its way. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { harakaDirectory } from '../../../haraka-test-harness/haraka_directory';
import { startLab } from '../../../haraka-test-harness/lab';
import { assertSeam } from '../../../src/delivery/haraka';

const seam = [
  'get_mx_respond',
  'found_mx',
  'get_force_tls',
  'try_deliver',
  'try_deliver_host_on_socket',
  'temp_fail',
  'bounce',
  'extend_rcpt_with_dsn',
  'split_to_new_recipients',
  'data_stream',
  'delivered',
  'discard',
  'send_email_respond',
  '_send',
  'bounce_respond',
  'populate_bounce_message',
  'double_bounce',
  'get_mx',
];

function hmailWithout(missing: string): unknown {
  const methods = seam.filter((name) => name !== missing).map((name) => [name, () => undefined] as const);
  return Object.assign(() => undefined, { prototype: Object.fromEntries(methods) });
}

describe('the methods that a delivery is guarded by', () => {
  it.each(seam)('%s is missed and named', (missing) => {
    expect(() => assertSeam(hmailWithout(missing))).toThrow(
      `tls-peers cannot guard deliveries in this Haraka: outbound/hmail lacks ${missing}. Haraka 3.0.4`,
    );
  });

  it.each([undefined, null, {}, 'HMailItem'])('all are missed in %j', (nothing) => {
    expect(() => assertSeam(nothing)).toThrow(seam.join(', '));
  });

  it('suffice', () => {
    expect(() => assertSeam(hmailWithout('nothing'))).not.toThrow();
  });
});

describe('a Haraka without try_deliver_host_on_socket', () => {
  let directory: string;

  beforeAll(async () => {
    const haraka = harakaDirectory();
    directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-doctored-'));
    await cp(haraka, path.join(directory, 'haraka'), { recursive: true });
    await symlink(path.dirname(haraka), path.join(directory, 'node_modules'));
    const hmail = path.join(directory, 'haraka/outbound/hmail.js');
    const source = await readFile(hmail, 'utf8');
    await writeFile(hmail, source.replaceAll('try_deliver_host_on_socket', 'deliver_on_socket'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('is refused at load, with what is missing and what to do', async () => {
    const starting = startLab({ domains: {} }, { haraka: path.join(directory, 'haraka') });
    await expect(starting).rejects.toThrow(
      /tls-peers cannot guard deliveries in this Haraka: outbound\/hmail lacks try_deliver_host_on_socket\. Haraka 3\.0\.4 to 3\.3 is supported; upgrade Haraka/,
    );
  });
});
