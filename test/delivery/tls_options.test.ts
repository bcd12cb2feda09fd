import { expect, test } from 'vitest';
import { cipherList, upgradeOptions } from '../../src/delivery/tls_options';

test.each([
  ['TLSv1.2', undefined, ''],
  ['TLSv1', undefined, 'DEFAULT@SECLEVEL=0'],
  ['TLSv1.1', 'HIGH', 'HIGH:@SECLEVEL=0'],
  // What tls.ini says for the sake of old clients of Haraka's own server.
  ['TLSv1.2', 'DEFAULT@SECLEVEL=0', 'DEFAULT'],
  ['TLSv1', 'DEFAULT@SECLEVEL=0', 'DEFAULT:@SECLEVEL=0'],
  // A level that the operator raised stays.
  ['TLSv1.2', 'HIGH:@SECLEVEL=2', 'HIGH:@SECLEVEL=2'],
  ['TLSv1', 'HIGH:@SECLEVEL=2', 'HIGH:@SECLEVEL=2'],
] as const)('from %s on, with %s in tls.ini, the ciphers are %s', (minVersion, configured, expected) => {
  expect(cipherList(minVersion, configured)).toBe(expected);
});

const atLeast12 = {
  kind: 'encrypted',
  minVersion: 'TLSv1.2',
  authentication: { kind: 'none' },
  serverName: '',
  observe: 'nothing',
  because: 'mandatory',
} as const;

test('a maximum in tls.ini below what the rule wants is a fault of ours, at or above it none', () => {
  const options = (maxVersion: string) => upgradeOptions(atLeast12, { maxVersion }, 'none');
  expect(() => options('TLSv1.1')).toThrow('maxVersion = TLSv1.1 is below TLSv1.2');
  expect(options('TLSv1.2')).toMatchObject({ minVersion: 'TLSv1.2' });
});
