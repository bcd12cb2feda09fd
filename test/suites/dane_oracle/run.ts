/**
 * Compares our DANE verdicts with OpenSSL's on generated certificates, records and handshakes.
 *
 *   npm run test:dane-oracle -- --cases 2000 --seed 1 [--first 0]
 *
 * Exit code 1 where a difference is not explained.
 */
import { parseArgs } from 'node:util';
import { runOracle, type Comparison } from './compare';
import { startServer } from './server';
import { recordText } from '../../../src/dane/explain';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
  },
});

process.exitCode = await main(Number(values.cases), Number(values.seed), Number(values.first));

async function main(cases: number, seed: number, first: number): Promise<number> {
  console.log(`seed ${seed}, ${cases} cases from number ${first}`);
  const started = Date.now();
  const server = await startServer();
  let done = 0;
  const onResult = (comparison: Comparison) => {
    done += 1;
    if (comparison.result.kind === 'unexplained') console.log(describe(comparison));
    if (done % 200 === 0) console.log(`${done} cases, ${Math.round((Date.now() - started) / 1000)} s`);
  };
  try {
    return summarize(await runOracle(server, { cases, seed, first, onResult }));
  } finally {
    await server.close();
  }
}

function summarize(all: readonly Comparison[]): number {
  table('verdicts by kind of PKI', all, ({ case: { world } }) => world.kind);
  table('verdicts by kind of record set', all, ({ case: { recordKind } }) => recordKind);
  table('verdicts by TLS version', all, ({ case: { version } }) => version);
  const intended = all.flatMap(({ result }) => (result.kind === 'intended' ? [result.name] : []));
  console.log('\nintended differences');
  for (const [name, count] of tally(intended)) console.log(`${String(count).padStart(6)}  ${name}`);
  const accepted = all.filter(({ ours }) => ours.kind === 'authenticated').length;
  const unexplained = all.filter(({ result }) => result.kind === 'unexplained').length;
  const share = (count: number) => `${count} (${((100 * count) / all.length).toFixed(1)} %)`;
  console.log(
    `\n${all.length} cases: ${share(accepted)} authenticated, ${share(all.length - accepted)} refused, ` +
      `${intended.length} intended differences, ${unexplained} unexplained`,
  );
  return unexplained === 0 ? 0 : 1;
}

function table(title: string, all: readonly Comparison[], key: (comparison: Comparison) => string): void {
  console.log(`\n${title} (authenticated / refused)`);
  const accepted = new Map(tally(all.filter(({ ours }) => ours.kind === 'authenticated').map(key)));
  for (const [kind, count] of tally(all.map(key))) {
    const yes = accepted.get(kind) ?? 0;
    console.log(`${String(yes).padStart(6)} ${String(count - yes).padStart(6)}  ${kind}`);
  }
}

function tally(keys: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

function describe({ case: oracleCase, ours, theirs, result }: Comparison): string {
  const { number, world, recordKind, records, names, version } = oracleCase;
  return [
    `UNEXPLAINED case ${number}: ${result.kind === 'unexplained' ? result.text : ''}`,
    `  ${world.kind}; ${recordKind}; ${version}; names ${names.join(', ')}`,
    `  records: ${records.map((record) => `${recordText(record)} (${record.data.length} octets)`).join('; ')}`,
    `  ours:    ${ours.kind} ${ours.kind === 'refused' ? ours.reason : ours.depth}: ${ours.text}`,
    `  openssl: ${theirs.verdict}: ${theirs.text}`,
  ].join('\n');
}
