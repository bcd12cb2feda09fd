import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dsn } from '../../src/delivery/dsn';
import { reportOf } from '../../src/delivery/summary';
import type { HostFailure } from '../../src/delivery/attempt';

const network: HostFailure = { kind: 'network', host: 'mx0.example', text: 'no connection to 192.0.2.1' };

function mismatch(host: string, text = 'no TLSA record matches'): HostFailure {
  return { kind: 'policy', host, failure: { reason: 'certificate-not-trusted', text }, because: 'dane' };
}

test('a report names the rule, and every host with its reason', () => {
  expect(reportOf('ours.example [outbound]', [network, mismatch('mx1.example')])).toBe(
    'TLS rule ours.example [outbound]: mx0.example: no connection to 192.0.2.1; ' +
      'mx1.example: certificate-not-trusted: no TLSA record matches',
  );
});

test('where there is no room for all, the failure of policy comes first, and the others are counted', () => {
  const many = [
    network,
    ...Array.from({ length: 8 }, (_, i) => mismatch(`mx${i + 1}.example`, 'x'.repeat(200))),
  ];
  const report = reportOf('ours.example [outbound]', many);
  expect(report).toMatch(
    /^TLS rule ours\.example \[outbound\]: mx1\.example: certificate-not-trusted: x+; and 8 more$/,
  );
});

test('a report fits into a line of a DSN, whatever peers say', () => {
  const host = fc.string({ maxLength: 253 });
  const text = fc.string({ maxLength: 1000 });
  const failure = fc.oneof(
    fc.tuple(host, text).map(([name, said]): HostFailure => ({ kind: 'network', host: name, text: said })),
    fc.tuple(host, text).map(([name, said]) => mismatch(name, said)),
  );
  fc.assert(
    fc.property(host, fc.array(failure, { minLength: 1, maxLength: 20 }), (rule, failures) => {
      expect(dsn('4.7.5', reportOf(rule, failures)).msg.length).toBeLessThan(900);
    }),
  );
});
