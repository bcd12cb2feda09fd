/**
 * What one verification costs beside the handshake it belongs to: `npm run bench:verification [-- --handshakes 1000]`.
 *
 * A server in a process of its own, a client here; each handshake is full, TLS 1.3, and with certificates that nothing has
 * looked at before. `getPeerCertificate()`, which Haraka calls after every handshake, counts as handshake; taking the whole
 * chain from the socket counts as verification, and is also shown by itself. CPU time of this process only. The share is verification / (handshake and verification).
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  chainPem,
  createCa,
  intermediate,
  issue,
  type Issued,
  type KeyType,
} from '../../../haraka-test-harness/pki';
import type { TlsaRecord } from '../../../src/dane/types';
import { verifyPeer } from '../../../src/dane/verify';
import { publicKeyInfo } from '../../../src/x509/certificate';
import { peerCertificates } from '../../../src/tls/sent_chain';

const host = 'mx.example.com';

interface ServerOrder {
  readonly cert: string;
  readonly key: string;
}

if (process.argv.includes('--server')) {
  serve();
} else {
  await measure();
}

/** The child: serves the chain that it is told, on a port that it tells. */
function serve(): void {
  process.once('message', (order: ServerOrder) => {
    const server = createServer({ ...order, minVersion: 'TLSv1.3' }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end();
    });
    server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  });
}

async function measure(): Promise<void> {
  const { values } = parseArgs({ options: { handshakes: { type: 'string', default: '1000' } } });
  const handshakes = Number(values.handshakes);
  console.log(`${handshakes} handshakes each, TLS 1.3, CPU of the client's process, node ${process.version}`);
  console.log('keys        record  chain   handshake  verification (chain)  share   allowed');
  let failed = false;
  for (const type of ['ec', 'rsa'] as const) {
    const chain = await buildChain(type);
    const [leaf, , root] = chain;
    const rows = [
      { record: spkiRecord(3, leaf), allowed: 10 },
      { record: spkiRecord(2, root), allowed: 30 },
    ];
    for (const { record, allowed } of rows) {
      const spent = await withServer(chain, (port) => run(port, record, handshakes));
      const { handshake, verification } = spent;
      const share = (100 * verification) / (handshake + verification);
      failed ||= share > allowed;
      console.log(
        `${(type === 'ec' ? 'P-256' : 'RSA-2048').padEnd(12)}${record.usage} 1 1   ${chain.length}      ` +
          `${handshake.toFixed(3)} ms   ${verification.toFixed(3)} ms (${spent.chain.toFixed(3)})   ${share.toFixed(1).padStart(4)} %  ${allowed} %`,
      );
    }
  }
  process.exitCode = failed ? 1 : 0;
}

async function buildChain(key: KeyType): Promise<[Issued, Issued, Issued]> {
  const root = await createCa({ commonName: 'Root', key });
  const middle = await intermediate(root, { key, pathLength: 0 });
  return [await issue(middle, { dnsNames: [host], key }), middle, root];
}

function spkiRecord(usage: number, { certDer }: Issued): TlsaRecord {
  const info = publicKeyInfo(certDer);
  if (info === undefined) throw new Error('unreadable certificate');
  return { usage, selector: 1, matchingType: 1, data: createHash('sha256').update(info).digest() };
}

async function withServer<T>(chain: readonly Issued[], use: (port: number) => Promise<T>): Promise<T> {
  const child = fork(fileURLToPath(import.meta.url), ['--server']);
  try {
    return await use(await portOf(child, chain));
  } finally {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }
}

async function portOf(child: ChildProcess, chain: readonly Issued[]): Promise<number> {
  const told = once(child, 'message');
  child.send({ cert: chainPem(...chain), key: chain[0]?.keyPem ?? '' } satisfies ServerOrder);
  const [port] = (await told) as [number];
  return port;
}

/** Milliseconds of CPU per handshake, the verification taken out of the first figure. */
async function run(
  port: number,
  record: TlsaRecord,
  handshakes: number,
): Promise<Spent & { handshake: number }> {
  for (let warm = 0; warm < 50; warm++) await handshakeAndVerify(port, record);
  const before = cpu();
  let [verification, chain] = [0, 0];
  for (let count = 0; count < handshakes; count++) {
    const spent = await handshakeAndVerify(port, record);
    verification += spent.verification;
    chain += spent.chain;
  }
  const total = cpu() - before;
  return {
    handshake: (total - verification) / handshakes,
    verification: verification / handshakes,
    chain: chain / handshakes,
  };
}

interface Spent {
  /** All of the verification. */
  readonly verification: number;
  /** As much of it as Node takes to hand over the chain. */
  readonly chain: number;
}

async function handshakeAndVerify(port: number, record: TlsaRecord): Promise<Spent> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: host,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  });
  let spent: Spent = { verification: 0, chain: 0 };
  socket.on('secureConnect', () => {
    const { raw } = socket.getPeerCertificate();
    const before = cpu();
    let chainCost = 0;
    const { leaf, chain } = peerCertificates(socket, raw);
    const timedChain = () => {
      const asked = cpu();
      const list = chain();
      chainCost += cpu() - asked;
      return list;
    };
    const dane = { baseDomain: host, port: 25, records: [record], referenceNames: [host] };
    const verdict = verifyPeer({ leaf, chain: timedChain }, dane, new Date());
    spent = { verification: cpu() - before, chain: chainCost };
    if (verdict.kind !== 'authenticated') socket.destroy(new Error(verdict.text));
    socket.end();
  });
  socket.resume();
  await once(socket, 'close');
  return spent;
}

/** CPU time of this process in ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
