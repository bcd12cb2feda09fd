/** What `lint` learns from DNS. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness/lab';
import { callIn } from './lab_call';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    {
      domains: {
        'ours.example': { mx: [{ host: 'mx1.ours.example' }, { host: 'mx2.ours.example' }] },
        'covered.example': { mx: [{ host: 'mx.covered.example' }] },
        'unsigned.example': { dnssec: 'insecure' },
      },
    },
    {
      // A zone that is not signed shows a resolver as one that does not validate.
      resolver: { dnssec_probe: 'unsigned.example' },
      config: {
        'tls-peers/ours.example.ini':
          '[outbound]\nsecurity_level = dane\n[mta_sts]\nmode = enforce\nmx[] = mx1.ours.example\n',
        'tls-peers/covered.example.ini': '[mta_sts]\nmx[] = *.covered.example\n',
      },
    },
  );
}, 60_000);

afterAll(() => lab.stop());

test('a resolver that does not validate, and MX hosts that a hosted policy leaves out', async () => {
  const { code, out } = await callIn(lab, ['lint', '--json']);
  expect(code).toBe(0);
  const { warnings } = JSON.parse(out) as { warnings: { file: string; line: number; problem: string }[] };
  expect(warnings.map(({ file, line, problem }) => `${file}:${line}: ${problem}`)).toEqual([
    expect.stringMatching(
      /^tls-peers\/ours\.example\.ini:2: DANE needs a resolver that validates: .* does not validate\./,
    ),
    'tls-peers/ours.example.ini:3: does not cover mx2.ours.example, an MX host of ours.example',
  ]);
});

test('with --offline, nothing is asked', async () => {
  const before = lab.dns.questions().length;
  const { out } = await callIn(lab, ['lint', '--offline']);
  expect(out).toBe('0 faults, 0 warnings\n');
  expect(lab.dns.questions().length).toBe(before);
});
