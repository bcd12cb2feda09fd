/**
 * What holding a handshake to a requirement costs, beside the bare handshake.
 *
 * A server in a process of its own, a client here; each handshake is full and TLS 1.3. `getPeerCertificate()`, which Haraka
 * calls after every handshake, counts as handshake; taking the chain from the socket counts as verification. Processor
 * time of the client.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createSecureContext, createServer } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { chainPem, createCa, intermediate, issue } from '../haraka-test-harness/pki';
import type { Issued, KeyType } from '../haraka-test-harness/pki';
import { checkSession } from '../src/policy/session';
import type { Authentication, EncryptedRequirement } from '../src/policy/requirement';
import { publicKeyInfo } from '../src/x509/certificate';
import { peerCertificates } from '../src/x509/sent_chain';
import { alternate, figure, processorMs } from './measure';
import type { Effort, Figure } from './report';

const host = 'mx.example.com';
const keys: readonly { readonly type: KeyType; readonly name: string }[] = [
  { type: 'ec', name: 'P-256' },
  { type: 'rsa', name: 'RSA-2048' },
];

export async function measureVerification(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const handshakes = effort === 'quick' ? 60 : 400;
  const figures: Figure[] = [];
  for (const { type, name } of keys) {
    const chain = await buildChain(type);
    const trusting = createSecureContext({ ca: chain[2].certPem });
    await withServer(chain, async (port) => {
      const checks = {
        bare: undefined,
        'DANE-EE (3 1 1)': dane(3, chain[0]),
        'DANE-TA (2 1 1)': dane(2, chain[2]),
        PKIX: { kind: 'pkix', pkix: { names: [host], below: [], extraRoots: '' } },
      } as const satisfies Record<string, Authentication | undefined>;
      const subjects = Object.fromEntries(
        Object.entries(checks).map(([check, authentication]) => [
          check,
          () => run(port, trusting, authentication, handshakes),
        ]),
      );
      await alternate(subjects, 1);
      const runs = await alternate(subjects, effort === 'quick' ? 3 : 7);
      const bare = (runs['bare'] ?? []).map(({ handshake }) => handshake);
      figures.push(figure(`${name}: a bare handshake`, 'ms', bare));
      for (const check of Object.keys(checks).slice(1)) {
        const of = runs[check] ?? [];
        figures.push(
          figure(
            `${name}: ${check}`,
            'ms',
            of.map(({ verification }) => verification),
          ),
        );
        const share = of.map(({ handshake, verification }) => (100 * verification) / handshake);
        figures.push(figure('  of its handshake', '%', share));
      }
    });
  }
  return { figures, notes };
}

const notes = [
  'a chain of 3, root sent along; OpenSSL verifies the chain in every handshake, the bare one as well, so PKIX adds only names',
];

function dane(usage: number, { certDer }: Issued): Authentication {
  const info = publicKeyInfo(certDer);
  if (info === undefined) throw new Error('unreadable certificate');
  const data = createHash('sha256').update(info).digest();
  const records = [{ usage, selector: 1, matchingType: 1, data }];
  return { kind: 'dane', dane: { baseDomain: host, records, referenceNames: [host] } };
}

async function buildChain(key: KeyType): Promise<[Issued, Issued, Issued]> {
  const root = await createCa({ commonName: 'Root', key });
  const middle = await intermediate(root, { key, pathLength: 0 });
  return [await issue(middle, { dnsNames: [host], key }), middle, root];
}

/** Milliseconds of processor time per handshake, the verification apart. */
interface Cost {
  readonly handshake: number;
  readonly verification: number;
}

async function run(
  port: number,
  secureContext: SecureContext,
  authentication: Authentication | undefined,
  handshakes: number,
): Promise<Cost> {
  const before = processorMs();
  let verification = 0;
  for (let count = 0; count < handshakes; count++) {
    verification += await handshakeAndVerify(port, secureContext, authentication);
  }
  const total = processorMs() - before;
  return { handshake: (total - verification) / handshakes, verification: verification / handshakes };
}

/** @returns milliseconds of the verification */
async function handshakeAndVerify(
  port: number,
  secureContext: SecureContext,
  authentication: Authentication | undefined,
): Promise<number> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: host,
    rejectUnauthorized: false,
    secureContext,
  });
  let spent = 0;
  socket.on('secureConnect', () => {
    const { raw } = socket.getPeerCertificate();
    if (authentication !== undefined) {
      const before = processorMs();
      const certificates = peerCertificates(socket, raw);
      const chainVerdict = socket.authorized ? 'trusted' : String(socket.authorizationError);
      const session = { protocol: socket.getProtocol(), certificates, chainVerdict };
      const verdict = checkSession({ ...requirement, authentication }, session, new Date());
      spent = processorMs() - before;
      if (verdict.kind === 'failed') socket.destroy(new Error(verdict.failure.text));
    }
    socket.end();
  });
  socket.resume();
  await once(socket, 'close');
  return spent;
}

const requirement: Omit<EncryptedRequirement, 'authentication'> = {
  kind: 'encrypted',
  minVersion: 'TLSv1.2',
  serverName: host,
  because: 'the benchmark',
};

async function withServer(chain: readonly Issued[], use: (port: number) => Promise<void>): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['--server'], { execArgv: ['--import', 'tsx'] });
  try {
    await use(await portOf(child, chain));
  } finally {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }
}

async function portOf(child: ChildProcess, chain: readonly Issued[]): Promise<number> {
  const told = once(child, 'message');
  child.send({ cert: chainPem(...chain), key: chain[0]?.keyPem ?? '' });
  const [port] = (await told) as [number];
  return port;
}

if (process.argv[2] === '--server') {
  process.once('message', (order: { cert: string; key: string }) => {
    const server = createServer({ ...order, minVersion: 'TLSv1.3' }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end();
    });
    server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  });
  process.once('disconnect', () => process.exit());
}
