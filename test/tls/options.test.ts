import { expect, test } from 'vitest';
import { handshakeOptions } from '../../src/tls/options';

const atLeast12 = {
  kind: 'encrypted',
  minVersion: 'TLSv1.2',
  authentication: { kind: 'none' },
  serverName: '',
  observe: 'nothing',
  because: 'mandatory',
} as const;

const options = (haraka: Record<string, unknown>) =>
  handshakeOptions({ requirement: atLeast12, haraka, certificate: 'none', hello: 'default' });

test('a maximum in tls.ini below what the rule wants is a fault of ours, at or above it none', () => {
  expect(() => options({ maxVersion: 'TLSv1.1' })).toThrow('maxVersion = TLSv1.1 is below TLSv1.2');
  expect(options({ maxVersion: 'TLSv1.2' })).toMatchObject({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
});

test('suites of TLS 1.3 alone in tls.ini leave no older version', () => {
  const ciphers = 'TLS_AES_128_GCM_SHA256';
  expect(options({ ciphers })).toMatchObject({ minVersion: 'TLSv1.3' });
  expect(() => options({ ciphers, maxVersion: 'TLSv1.2' })).toThrow('maxVersion = TLSv1.2 is below TLSv1.3');
});

test('ciphers that OpenSSL does not take are a fault of ours', () => {
  expect(() => options({ ciphers: 'eNULL' })).toThrow(/no cipher match/);
});

test('the same request shares a context, another hello does not where it is another', () => {
  expect(options({}).secureContext).toBe(options({}).secureContext);
  expect(options({}).secureContext).not.toBe(options({ maxVersion: 'TLSv1.2' }).secureContext);
});

test('short DH parameters end a handshake', () => {
  expect(options({}).minDHSize).toBe(1024);
});
