/** One case: the same handshake and the same records, judged by us and by OpenSSL. */
import type { TlsaRecord } from '../../../src/dane/types';
import { verifyDane, type DaneVerdict } from '../../../src/dane/verify';
import { chainPem } from '../../../haraka-test-harness/pki';
import { receiveChain } from './client';
import { intendedDifference } from './differences';
import { askOpenssl, type OpensslVerdict } from './openssl';
import { mulberry32 } from './random';
import { buildRecords } from './records';
import type { CertificateServer } from './server';
import { KeyPool, buildWorld, host, nextHop, worldKinds, type World } from './worlds';

export interface OracleCase {
  readonly number: number;
  readonly world: World;
  readonly recordKind: string;
  readonly records: readonly TlsaRecord[];
  readonly names: readonly string[];
  readonly version: 'TLSv1.2' | 'TLSv1.3';
}

export interface Comparison {
  readonly case: OracleCase;
  readonly ours: DaneVerdict;
  readonly theirs: OpensslVerdict;
  /** The same verdict; or the name of an intended difference; or neither. */
  readonly result:
    | { readonly kind: 'same' }
    | { readonly kind: 'intended'; readonly name: string }
    | { readonly kind: 'unexplained'; readonly text: string };
}

export interface OracleOptions {
  readonly cases: number;
  readonly seed: number;
  /** Where the run begins; a case depends on its number and the seed alone. */
  readonly first?: number;
  /** Record sets for each world; default 4. Another number makes other cases of the same seed. */
  readonly setsPerWorld?: number;
  readonly onResult?: (comparison: Comparison) => void;
}

/** As many cases as are in flight at a time, each with a child process. */
const parallel = 3;

/** Runs cases against `server`. Worlds go round by kind, so that every kind comes up alike often. */
export async function runOracle(server: CertificateServer, options: OracleOptions): Promise<Comparison[]> {
  const pool = new KeyPool();
  const results: Comparison[] = [];
  const first = options.first ?? 0;
  const setsPerWorld = options.setsPerWorld ?? 4;
  const end = first + options.cases;
  for (let start = first - (first % setsPerWorld); start < end; start += setsPerWorld * parallel) {
    const groups = Array.from({ length: parallel }, (_, index) => start + index * setsPerWorld);
    const batch = await Promise.all(
      groups
        .filter((number) => number < end)
        .map((number) =>
          runWorld(server, { seed: options.seed, setsPerWorld, start: number, first, end }, pool),
        ),
    );
    for (const comparison of batch.flat()) {
      results.push(comparison);
      options.onResult?.(comparison);
    }
  }
  return results;
}

interface WorldRun {
  readonly seed: number;
  readonly setsPerWorld: number;
  /** The number of the world's first case. */
  readonly start: number;
  /** The cases that are wanted: from `first` to before `end`. */
  readonly first: number;
  readonly end: number;
}

async function runWorld(
  server: CertificateServer,
  { seed, setsPerWorld, start, first, end }: WorldRun,
  pool: KeyPool,
): Promise<Comparison[]> {
  const random = mulberry32(seed * 1_000_003 + start);
  const kind = worldKinds[Math.floor(start / setsPerWorld) % worldKinds.length];
  const world = await buildWorld(kind ?? '', random, pool);
  const serverName = `world-${start}.test`;
  const [leaf] = world.sent;
  server.serve(serverName, chainPem(...world.sent), leaf?.keyPem ?? '');
  const results: Comparison[] = [];
  try {
    for (let number = start; number < start + setsPerWorld; number++) {
      const set = buildRecords(world, random);
      const names = random.below(4) === 0 ? [host, nextHop] : [host];
      const version = random.pick(['TLSv1.2', 'TLSv1.3'] as const);
      if (number < first || number >= end) continue;
      const { kind: recordKind, records } = set;
      results.push(await compare(server, serverName, { number, world, recordKind, records, names, version }));
    }
  } finally {
    server.stop(serverName);
  }
  return results;
}

async function compare(
  server: CertificateServer,
  serverName: string,
  oracleCase: OracleCase,
): Promise<Comparison> {
  const { records, names, version } = oracleCase;
  const chain = await receiveChain(server.port, serverName, version).catch((error: unknown) => {
    throw new Error(`no handshake in case ${oracleCase.number} (${oracleCase.world.kind}, ${version})`, {
      cause: error,
    });
  });
  const ours = verifyDane({
    chain,
    dane: { baseDomain: host, port: 25, records, referenceNames: names },
    now: new Date(),
  });
  const theirs = await askAnyName(server.port, serverName, oracleCase);
  return { case: oracleCase, ours, theirs, result: judge(oracleCase, ours, theirs) };
}

/** OpenSSL takes one reference identifier, so two are two questions: either may be answered with yes. */
async function askAnyName(
  port: number,
  serverName: string,
  { names, records, version }: OracleCase,
): Promise<OpensslVerdict> {
  const refusals: string[] = [];
  for (const name of names) {
    const answer = await askOpenssl({ port, serverName, version, name, records });
    if (answer.verdict === 'accepted') return answer;
    refusals.push(answer.text);
  }
  return { verdict: 'refused', text: refusals.join(' / ') };
}

function judge(oracleCase: OracleCase, ours: DaneVerdict, theirs: OpensslVerdict): Comparison['result'] {
  if ((ours.kind === 'authenticated') === (theirs.verdict === 'accepted')) {
    const text = disagreementOnMatch(oracleCase, ours, theirs);
    return text === undefined ? { kind: 'same' } : { kind: 'unexplained', text };
  }
  const name = intendedDifference(oracleCase, ours, theirs);
  return name === undefined ? { kind: 'unexplained', text: 'another verdict' } : { kind: 'intended', name };
}

/** Of a single record both must say at which depth it matched. */
function disagreementOnMatch(
  { records }: OracleCase,
  ours: DaneVerdict,
  theirs: OpensslVerdict,
): string | undefined {
  if (ours.kind !== 'authenticated' || records.length !== 1) return undefined;
  const depth = /at depth (\d+)/.exec(theirs.text)?.[1];
  // OpenSSL counts a bare key at the depth of the certificate that it signed.
  const expected = /signed/.test(theirs.text) ? ours.depth - 1 : ours.depth;
  return depth === String(expected)
    ? undefined
    : `another depth (ours ${ours.depth}, OpenSSL's ${depth ?? '?'})`;
}
