/**
 * The client whose handshakes are measured. `getPeerCertificate()`, which Haraka calls after every handshake, counts as
 * handshake; taking the chain from the socket counts as verification.
 */
import { once } from 'node:events';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import type { Authentication, EncryptedRequirement } from '../../src/policy/requirement';
import { trustedRoots } from '../../src/tls/roots';
import { checkSession } from '../../src/policy/session';
import { peerCertificates } from '../../src/tls/sent_chain';
import { inChild } from '../child';
import { alternate, figure, processorMs } from '../measure';
import type { Figure } from '../report';

export interface VerificationOrder {
  /** Of the kind of key, for the figures. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly rootPem: string;
  /** SHA-256 of the public keys, hex. */
  readonly leafDigest: string;
  readonly rootDigest: string;
  /** Per round and check. */
  readonly handshakes: number;
  readonly rounds: number;
}

/** Milliseconds of processor time per handshake, the verification apart. */
interface Cost {
  readonly handshake: number;
  readonly verification: number;
}

interface Peer {
  readonly host: string;
  readonly port: number;
  readonly secureContext: SecureContext;
}

inChild(async (order: VerificationOrder): Promise<Figure[]> => {
  const { name, host, port, handshakes, rounds } = order;
  const peer = { host, port, secureContext: createSecureContext({ ca: order.rootPem }) };
  const checks: Readonly<Record<string, Authentication | 'nothing'>> = {
    bare: 'nothing',
    'DANE-EE (3 1 1)': dane(host, 3, order.leafDigest),
    'DANE-TA (2 1 1)': dane(host, 2, order.rootDigest),
    PKIX: { kind: 'pkix', pkix: { names: [host], subdomains: [], extraRoots: undefined } },
  };
  const subjects = Object.fromEntries(
    Object.entries(checks).map(([check, authentication]) => [
      check,
      () => run(peer, authentication, handshakes),
    ]),
  );
  await alternate(subjects, 1);
  const runs = await alternate(subjects, rounds);
  return Object.entries(runs).flatMap(([check, costs]) =>
    check === 'bare'
      ? [
          figure(
            `${name}: a bare handshake`,
            'ms',
            costs.map(({ handshake }) => handshake),
          ),
        ]
      : [
          figure(
            `${name}: ${check} adds`,
            'ms',
            costs.map(({ verification }) => verification),
          ),
          figure(
            '  of its handshake',
            '%',
            costs.map(({ handshake, verification }) => (100 * verification) / handshake),
          ),
        ],
  );
});

function dane(host: string, usage: number, digest: string): Authentication {
  const records = [{ usage, selector: 1, matchingType: 1, data: Buffer.from(digest, 'hex') }];
  return { kind: 'dane', dane: { baseDomain: host, port: 25, records, referenceNames: [host] } };
}

async function run(
  peer: Peer,
  authentication: Authentication | 'nothing',
  handshakes: number,
): Promise<Cost> {
  const before = processorMs();
  let verification = 0;
  for (let count = 0; count < handshakes; count++) {
    verification += await handshakeAndVerify(peer, authentication);
  }
  const total = processorMs() - before;
  return { handshake: (total - verification) / handshakes, verification: verification / handshakes };
}

/** @returns milliseconds of the verification */
async function handshakeAndVerify(
  { host, port, secureContext }: Peer,
  authentication: Authentication | 'nothing',
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
    if (authentication !== 'nothing') {
      const before = processorMs();
      const certificates = peerCertificates(socket, raw);
      const chainVerdict = socket.authorized ? 'trusted' : String(socket.authorizationError);
      const session = {
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().name,
        group: '',
        certificates,
        chainVerdict,
        securityLevel: 2,
        roots: () => trustedRoots(''),
      } as const;
      const requirement: EncryptedRequirement = {
        kind: 'encrypted',
        minVersion: 'TLSv1.2',
        serverName: host,
        observe: undefined,
        because: 'mandatory',
        authentication,
      };
      const verdict = checkSession(requirement, session, new Date());
      spent = processorMs() - before;
      if (verdict.kind === 'failed') socket.destroy(new Error(verdict.failure.text));
    }
    socket.end();
  });
  socket.resume();
  await once(socket, 'close');
  return spent;
}
