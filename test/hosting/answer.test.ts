import { describe, expect, it } from 'vitest';
import { answer, type Asked } from '../../src/hosting/answer';
import { hostedFiles } from '../../src/hosting/catalogue';
import { hostedPolicy, policyId, policyRecord, policyText } from '../../src/hosting/policy_text';
import { parsePolicy } from '../../src/mta_sts/policy';
import { parseRecordSet } from '../../src/mta_sts/record';
import { loadSettings } from '../../src/settings/load/load';
import type { HostedPolicy } from '../../src/settings/schema/types';
import { memorySource } from '../settings/memory_source';
import fc from 'fast-check';

const settings = loadSettings(
  memorySource({
    'tls-peers/one.example.ini': '[mta_sts]\nmode = enforce\nmx = mx.one.example\n',
    'tls-peers/two.example.ini': '[mta_sts]\nmx[] = mx.two.example\nmx[] = *.pool.example\n',
    'tls-peers/off.example.ini': 'status = disabled\n[mta_sts]\nmx = mx.off.example\n',
    'tls-peers/bad.example.ini': '[mta_sts]\nmode = enforced\nmx = mx.bad.example\n',
    'tls-peers/none.example.ini': '[inbound]\nsecurity_level = mandatory\n',
    [`tls-peers/${`${'a'.repeat(61)}.`.repeat(4)}ex.ini`]: '[mta_sts]\nmx = mx.example\n',
  }),
).settings;
const catalogue = hostedFiles(settings);

it('policies are hosted for enabled domains that have one, unless the host name would be too long', () => {
  expect([...catalogue.keys()]).toEqual(['mta-sts.one.example', 'mta-sts.two.example']);
});

describe('a request', () => {
  const path = '/.well-known/mta-sts.txt';
  const one = 'mta-sts.one.example';
  const requests: readonly (readonly [what: string, asked: Partial<Asked>, status: number])[] = [
    ['for the policy', {}, 200],
    ['by HEAD', { method: 'HEAD' }, 200],
    ['without a Host header, as in HTTP/1.0', { hosts: [] }, 200],
    ['with two Host headers', { hosts: [one, 'elsewhere.example'] }, 400],
    ['with the same Host header twice', { hosts: [one, one] }, 400],
    ['in absolute form with two', { target: `https://${one}${path}`, hosts: [one, one] }, 400],
    ['in capitals', { hosts: ['MTA-STS.One.Example'], serverName: 'mta-sts.ONE.example' }, 200],
    ['with a port', { hosts: [`${one}:8443`] }, 200],
    ['with a trailing dot', { hosts: [`${one}.`] }, 200],
    ['in absolute form', { target: `https://${one}${path}`, hosts: ['elsewhere.example'] }, 200],
    ['in absolute form for another', { target: `https://mta-sts.two.example${path}` }, 421],
    ['for another of our names', { hosts: ['mta-sts.two.example'] }, 421],
    ['for a name that is not ours', { hosts: ['elsewhere.example'] }, 421],
    ['with a Host header that is no name', { hosts: ['\u0000'] }, 421],
    ['for the root', { target: '/' }, 404],
    ['with a query', { target: `${path}?` }, 404],
    ['with dots in the path', { target: `/.well-known/../.well-known/mta-sts.txt` }, 404],
    ['that climbs', { target: '/../../../../etc/passwd' }, 404],
    ['with percent signs', { target: '/%2ewell-known/mta-sts.txt' }, 404],
    ['with a doubled slash', { target: `/${path}` }, 404],
    ['for an asterisk', { target: '*', method: 'OPTIONS' }, 404],
    ['by POST', { method: 'POST' }, 405],
    ['by PUT', { method: 'PUT' }, 405],
    ['by DELETE for something else', { method: 'DELETE', target: '/x' }, 404],
    ['behind a proxy', { serverName: '' }, 200],
    ['behind a proxy for a name that is not ours', { serverName: '', hosts: ['elsewhere.example'] }, 404],
    ['behind a proxy without a Host header', { serverName: '', hosts: [] }, 404],
    ['behind a proxy for a prototype', { serverName: '', hosts: ['constructor'] }, 404],
  ];
  it.each(requests)('%s', (_what, asked, status) => {
    const given = answer(catalogue, { method: 'GET', target: path, hosts: [one], serverName: one, ...asked });
    expect(given.status).toBe(status);
    expect(given.headers['Content-Length']).toBe(Buffer.byteLength(given.body));
    expect(given.body === '').toBe(status !== 200);
  });
});

describe('the text and the id', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
  const name = fc.tuple(label, label).map(([a, b]) => `${a}.x${b}`);
  const pattern = fc.oneof(
    name,
    name.map((one) => `*.${one}`),
  );
  const policy: fc.Arbitrary<HostedPolicy> = fc.record({
    mode: fc.constantFrom('enforce', 'testing', 'none'),
    mx: fc.array(pattern, { minLength: 1, maxLength: 5 }),
    maxAge: fc.integer({ min: 1, max: 31_557_600 }),
    certificateFile: fc.constant(''),
    keyFile: fc.constant(''),
  });

  it('the text is a policy by the standard, and says what is configured', () => {
    fc.assert(
      fc.property(policy, (given) => {
        expect(parsePolicy(Buffer.from(policyText(given)))).toEqual({
          ok: true,
          policy: hostedPolicy(given),
          idle: [],
        });
      }),
    );
  });

  it('the id is one that a TXT record can hold', () => {
    fc.assert(
      fc.property(policy, (given) => {
        const id = policyId(policyText(given));
        expect(parseRecordSet([policyRecord(id)])).toEqual({ kind: 'found', id });
      }),
    );
  });

  it('the id differs exactly where the policy does', () => {
    fc.assert(
      fc.property(policy, policy, (a, b) => {
        const same = JSON.stringify(hostedPolicy(a)) === JSON.stringify(hostedPolicy(b));
        expect(policyId(policyText(a)) === policyId(policyText(b))).toBe(same);
      }),
    );
  });

  it('the id of a policy stays what it is from version to version', () => {
    const text = 'version: STSv1\r\nmode: enforce\r\nmx: mx.one.example\r\nmax_age: 604800\r\n';
    expect(catalogue.get('mta-sts.one.example')).toMatchObject({ text, id: policyId(text) });
    expect(policyId(text)).toBe('414ce3363e304b0ef13faf11d1715fab');
  });
});
