import { afterAll, beforeAll, expect, it } from 'vitest';
import { runOracle, type Comparison } from './compare';
import { startServer, type CertificateServer } from './server';
import { worldKinds } from './worlds';

let server: CertificateServer;
let results: Comparison[];

/** One of each kind of PKI; the whole is `npm run test:dane-oracle`. */
const cases = worldKinds.length;

beforeAll(async () => {
  server = await startServer();
  results = await runOracle(server, { cases, seed: 7, setsPerWorld: 1 });
}, 240_000);
afterAll(() => server.close());

it("gives OpenSSL's verdict, or differs in a way that has a name", () => {
  expect(results).toHaveLength(cases);
  expect(results.filter(({ result }) => result.kind === 'unexplained')).toEqual([]);
});

it('sees every kind of PKI and both verdicts', () => {
  expect(new Set(results.map(({ case: { world } }) => world.kind))).toEqual(new Set(worldKinds));
  const accepted = results.filter(({ ours }) => ours.kind === 'authenticated').length;
  expect(accepted).toBeGreaterThan(cases * 0.2);
  expect(accepted).toBeLessThan(cases * 0.8);
});
