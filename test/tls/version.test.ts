import { expect, test } from 'vitest';
import { anyVersion, versionRange } from '../../src/tls/version';

test.each([
  [
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.2' },
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.2' },
  ],
  [{ minVersion: 'TLSv1.3' }, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }],
  [{ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1', maxVersion: 'TLSv1.2' }],
  [{}, { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' }],
  [{ minVersion: 'SSLv3', maxVersion: 'TLSv9' }, anyVersion],
  [{ minVersion: 1.2, maxVersion: null }, anyVersion],
])('of the options %j a handshake offers %j', (options, range) => {
  expect(versionRange(options)).toEqual(range);
});
