/**
 * A program of its own, run on each Node: asks every peer for everything in `columns`, as a delivery would, and answers with
 * what came of it.
 */
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import type { TlsaRecord } from '../../../src/dane/types';
import { handshakeTerms } from '../../../src/policy/handshake_terms';
import type {
  Authentication,
  EncryptedRequirement,
  OpportunisticRequirement,
  PkixAuthentication,
} from '../../../src/policy/requirement';
import { judgeProbe } from '../../../src/probe/judge';
import { probeHost } from '../../../src/probe/probe';
import type { Hello } from '../../../src/tls/groups';
import { handshakeOptions } from '../../../src/tls/options';
import type { Shown } from './certificates';
import { columns, host, type Column } from './columns';

export interface Visit {
  readonly port: number;
  readonly shown: Shown;
}

export interface Assignment {
  readonly visits: readonly Visit[];
  /** `ciphers` of tls.ini, empty for none. */
  readonly ciphers: string;
}

export interface Findings {
  readonly node: string;
  readonly openssl: string;
  /** For each visit, by column. */
  readonly outcomes: readonly Readonly<Record<Column, string>>[];
  readonly groups: readonly string[];
  /** Octets of the first flight. */
  readonly hellos: Readonly<Record<string, number>>;
}

type TlsRequirement = EncryptedRequirement | OpportunisticRequirement;

function requirementFor(column: Column, shown: Shown): TlsRequirement {
  const pkix: PkixAuthentication = { names: [host], subdomains: [], extraRoots: shown.rootPem };
  const record = (usage: number, data: string): TlsaRecord => ({
    usage,
    selector: usage === 3 ? 1 : 0,
    matchingType: 1,
    data: Buffer.from(data, 'hex'),
  });
  const dane = (one: TlsaRecord) => ({ baseDomain: host, port: 25, records: [one], referenceNames: [host] });
  const leaf = record(3, shown.publicKeyDigest);
  const encrypted = (authentication: Authentication): EncryptedRequirement => ({
    kind: 'encrypted',
    minVersion: 'TLSv1.2',
    authentication,
    serverName: host,
    observe: undefined,
    because: 'mandatory',
  });
  const opportunistic = {
    kind: 'opportunistic',
    minVersion: 'TLSv1',
    cleartextFallback: 'never',
    serverName: host,
    because: 'opportunistic',
  } as const;
  switch (column) {
    case 'opportunistic':
      return { ...opportunistic, observe: undefined };
    case 'testing':
      return { ...opportunistic, observe: encrypted({ kind: 'pkix', pkix }) };
    case 'mandatory':
      return encrypted({ kind: 'none' });
    case 'mandatory 1.0':
      return { ...encrypted({ kind: 'none' }), minVersion: 'TLSv1' };
    case 'verify':
      return { ...encrypted({ kind: 'pkix', pkix }), because: 'verify' };
    case 'enforce':
      return { ...encrypted({ kind: 'pkix', pkix }), because: 'sts-enforce' };
    case 'fingerprint':
      return encrypted({ kind: 'fingerprints', sha256: [shown.fingerprint] });
    case 'dane 3 1 1':
      return encrypted({ kind: 'dane', dane: dane(leaf) });
    case 'dane 3 1 1, 1.0':
      return { ...encrypted({ kind: 'dane', dane: dane(leaf) }), minVersion: 'TLSv1' };
    case 'dane 2 0 1':
      return encrypted({ kind: 'dane', dane: dane(record(2, shown.issuerDigest)) });
    case 'dane and enforce':
      return encrypted({ kind: 'dane_and_pkix', dane: dane(leaf), pkix });
  }
}

async function outcome(
  { port, shown }: Visit,
  column: Column,
  ciphers: string,
): Promise<{ text: string; group: string }> {
  const requirement = requirementFor(column, shown);
  const haraka = ciphers === '' ? {} : { ciphers };
  const handshake = {
    terms: handshakeTerms(requirement),
    haraka,
    certificate: 'none',
    hello: 'default',
  } as const;
  const probe = await probeHost({
    address: '127.0.0.1',
    port,
    ehloName: 'us.example',
    handshake,
    deadlineMs: 10_000,
  });
  const group = probe.kind === 'encrypted' ? probe.session.group : '';
  const verdict = judgeProbe(requirement, probe, new Date());
  switch (verdict.kind) {
    case 'goes':
      return {
        text: [
          verdict.tlsVersion,
          verdict.verified,
          ...verdict.recorded.map(({ reason }) => `(${reason})`),
        ].join(' '),
        group,
      };
    case 'refused':
      return { text: verdict.failure.reason, group };
    case 'unreachable':
      return { text: `unreachable: ${verdict.problem}`, group };
  }
}

/** Octets of what the client sends first, to a host with the longest name there is. */
async function helloLength(column: Column, shown: Shown, hello: Hello): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const terms = { ...handshakeTerms(requirementFor(column, shown)), serverName: longestName };
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    ...handshakeOptions({ terms, haraka: {}, certificate: 'none', hello }),
  });
  socket.on('error', () => undefined);
  const length = await new Promise<number>((resolve) => {
    server.once('connection', (peer) => {
      peer.on('error', () => undefined);
      peer.once('data', (chunk: Buffer) => {
        peer.destroy();
        resolve(chunk.length);
      });
    });
  });
  socket.destroy();
  server.close();
  return length;
}

const longestName = `${`${'a'.repeat(62)}.`.repeat(4)}b`;

async function findings({ visits, ciphers }: Assignment): Promise<Findings> {
  const outcomes: Record<Column, string>[] = [];
  const groups: string[] = [];
  for (const visit of visits) {
    const row: Partial<Record<Column, string>> = {};
    let seen = '';
    for (const column of columns) {
      const { text, group } = await outcome(visit, column, ciphers);
      row[column] = text;
      seen = group || seen;
    }
    outcomes.push(row as Record<Column, string>);
    groups.push(seen);
  }
  const hellos: Record<string, number> = {};
  for (const column of columns) {
    for (const hello of ['default', 'classic'] as const) {
      hellos[`${column}, ${hello}`] = await helloLength(column, visits[0]!.shown, hello);
    }
  }
  return { node: process.version, openssl: process.versions.openssl, outcomes, groups, hellos };
}

process.once('message', (assignment: Assignment) => {
  findings(assignment).then(
    (found) => process.send?.(found, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(0));
