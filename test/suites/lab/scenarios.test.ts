import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { cleartextLeaks, runScenarios, type Row } from '../../../haraka-test-harness/run_scenarios';
import { scenarioConfig, scenarioWorld, scenarios } from '../../../haraka-test-harness/scenarios';
import { securityLevels } from '../../../src/peers/rule';

describe('every security level, through a real Haraka', () => {
  let lab: Lab;
  let rows: Row[];

  beforeAll(async () => {
    lab = await startLab(scenarioWorld, {
      config: scenarioConfig(),
      resolver: { timeout: '1', deadline: '3' },
    });
    rows = await runScenarios(lab, scenarios);
  }, 90_000);
  afterAll(() => lab.stop());

  it.each(scenarios.map(({ peer, expected }, index) => ({ peer, index, outcome: expected.outcome })))(
    '$peer is $outcome as its rule says',
    ({ index }) => {
      expect(rows[index]?.faults).toEqual([]);
    },
  );

  it.each(securityLevels)('%s is among them', (level) => {
    expect(rows.filter((row) => row.level === level).length).toBeGreaterThan(1);
  });

  it.each(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'none'])('the peers saw %s', (version) => {
    expect(rows.some((row) => row.tls_version === version)).toBe(true);
  });

  it('asks the resolver in a way that lets it say what validates', () => {
    const questions = lab.dns.questions('mx.dane.example', 'A');
    expect(questions.length).toBeGreaterThan(0);
    expect(questions.every(({ wants }) => wants.ad || wants.do)).toBe(true);
  });
});

describe('what counts as a leak', () => {
  const expected = scenarios.find(({ peer }) => peer === 'must.example')!.expected;
  const connection = (cleartext: string) => ({
    cleartext,
    encrypted: '',
    tls: { kind: 'none' } as const,
    state: 'closed' as const,
    messages: [],
    remoteAddress: '',
  });

  it.each([
    ['EHLO a.example\r\nSTARTTLS\r\n', 0],
    ['EHLO a.example\r\nSTARTTLS\r\nQUIT\r\n', 0],
    ['EHLO a.example\r\nMAIL FROM:<a@b>\r\n', 1],
    ['EHLO a.example\r\nSTARTTLS\r\nMAIL', 1],
    ['HELO a.example\r\n', 1],
    ['RSET\r\nQUIT\r\n', 1],
  ])('%j holds %i', (cleartext, leaks) => {
    expect(cleartextLeaks(expected, [connection(cleartext)])).toHaveLength(leaks);
  });
});
