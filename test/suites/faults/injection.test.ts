import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import { peerScenarios } from './peers';
import { runFaults } from './run_faults';
import { inject, injections, isForgotten, type Injection } from './injection';
import { serverWithTls } from './surroundings';

describe('cleartext around STARTTLS, from a client to Haraka', () => {
  let lab: Lab;
  let ca: string;

  beforeAll(async () => {
    const server = await serverWithTls();
    ca = server.config['tls_cert.pem'] ?? '';
    lab = await startLab({ domains: {} }, server);
  });
  afterAll(() => lab.stop());

  it.each(Object.keys(injections) as Injection[])('%s is forgotten', async (injection) => {
    const injected = await inject(lab.haraka.port, injection, ca);
    expect(injected).toMatchObject({ kind: 'spoke' });
    expect(isForgotten(injected)).toBe(true);
  });
});

describe('cleartext around STARTTLS, from a peer', () => {
  const injecting = ['starttls-answered-twice', 'starttls-partial-line', 'starttls-injected-session'];
  const chosen = peerScenarios.filter(
    ({ behaviour, level }) =>
      injecting.includes(behaviour) && ['mandatory', 'verify', 'opportunistic'].includes(level),
  );

  it('ends the attempt, and is never read as if it came through TLS', async () => {
    expect(chosen).toHaveLength(9);
    for (const { peer, faults, seen, cleartext } of await runFaults(chosen)) {
      expect([peer, faults]).toEqual([peer, []]);
      expect([peer, seen.outcome]).toEqual([peer, cleartext === 'allowed' ? 'delivered' : 'deferred']);
    }
  });
});
