/** The process in which cold decisions are measured; the network comes from its environment. */
import { globalAgent } from 'node:https';
import { inChild } from '../child';
import { alternate } from '../measure';
import { cases, peers } from './levels';
import { mailauthDecides, mxConnectDecides, tlsaOverDns, type Scope } from './others';
import { openSuite } from './suite';

export interface ColdOrder {
  readonly dns: string;
  readonly rounds: number;
}

export interface ColdResult {
  /** Milliseconds, by case and round. */
  readonly suite: Readonly<Record<string, readonly number[]>>;
  readonly others: Readonly<Record<string, readonly Timed[]>>;
}

interface Timed {
  readonly ms: number;
  /** The case of this suite that comes nearest. */
  readonly beside: string;
}

inChild(async ({ dns, rounds }: ColdOrder): Promise<ColdResult> => {
  const resolveTlsa = tlsaOverDns(dns);
  const suite = Object.fromEntries(
    cases.map(({ name, level, peer }) => [
      name,
      async (): Promise<Timed> => {
        const fresh = openSuite(dns);
        try {
          await fresh.ready();
          const begun = performance.now();
          const hosts = await fresh.offer(level, peer);
          const elapsed = performance.now() - begun;
          if (hosts.length === 0) throw new Error(`no host for ${peer} at ${level}`);
          return { ms: elapsed, beside: name };
        } finally {
          fresh.close();
        }
      },
    ]),
  );
  const mxConnect = (scope: Scope, peer: string, beside: string) => async () => {
    forgetConnections();
    const begun = performance.now();
    await mxConnectDecides(peer, { scope, resolveTlsa });
    return { ms: performance.now() - begun, beside };
  };
  const others = {
    'mx-connect, plain': mxConnect('plain', peers.plain, 'opportunistic'),
    'mx-connect, dane': mxConnect('dane', peers.dane, 'mandatory_dane'),
    'mx-connect, mta-sts': mxConnect('mta-sts', peers.sts, 'mta_sts'),
    'mx-connect, dane and mta-sts, peer with DANE': mxConnect(
      'dane and mta-sts',
      peers.dane,
      'auto, peer with DANE',
    ),
    'mx-connect, dane and mta-sts, peer with MTA-STS': mxConnect(
      'dane and mta-sts',
      peers.sts,
      'auto, peer with MTA-STS',
    ),
    'mailauth, mta-sts only': async () => {
      forgetConnections();
      const begun = performance.now();
      await mailauthDecides(peers.sts, undefined, undefined);
      return { ms: performance.now() - begun, beside: 'mta_sts' };
    },
  };
  try {
    // Caches are cold, the code is not: no mail server is at its first message for long.
    for (let round = 0; round < 10; round++) await Promise.all(Object.values(suite).map((run) => run()));
    const all: Record<string, () => Promise<Timed>> = { ...suite, ...others };
    await alternate(all, 1);
    const runs = await alternate(all, rounds);
    const of = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, runs[name] ?? []]));
    const ours = Object.entries(of(Object.keys(suite))).map(
      ([name, timed]) => [name, timed.map(({ ms }) => ms)] as const,
    );
    return { suite: Object.fromEntries(ours), others: of(Object.keys(others)) };
  } finally {
    resolveTlsa.close();
  }
});

/** Node keeps connections to a policy host open for the next request. */
function forgetConnections(): void {
  globalAgent.destroy();
}
