/** Peers of every kind that a rule can tell apart. */
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import type { DomainSpec, World } from '../../../haraka-test-harness/world';

const tls12 = { min: 'TLSv1.2', max: 'TLSv1.2' } as const;

/** Each with one host. */
const alone: Readonly<Record<string, DomainSpec>> = {
  'good.example': {},
  'tls12.example': { mx: [{ tls: tls12 }] },
  'tls13.example': { mx: [{ tls: { min: 'TLSv1.3', max: 'TLSv1.3' } }] },
  'old.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1.1' } }] },
  'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
  'no-tls-today.example': { mx: [{ behaviour: 'starttls-454' }] },
  'self-signed.example': { mx: [{ certificate: 'self-signed' }] },
  'untrusted.example': { mx: [{ certificate: 'untrusted' }] },
  'wrong-name.example': { mx: [{ certificate: 'wrong-name' }] },
  'domain-name.example': { mx: [{ certificate: { kind: 'trusted', names: ['domain-name.example'] } }] },
  'expired.example': { mx: [{ certificate: 'expired' }] },
  'broken.example': { mx: [{ behaviour: 'handshake-close' }] },
  'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
  'dane-and-ca.example': { dnssec: 'secure', mx: [{ tlsa: ['match'] }] },
  'dane-tls12.example': { dnssec: 'secure', mx: [{ tls: tls12, tlsa: ['match'] }] },
  'dane-mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
  'dane-unusable.example': { dnssec: 'secure', mx: [{ tlsa: ['unusable'] }] },
  'signed.example': { dnssec: 'secure' },
  'insecure-mx.example': {
    dnssec: 'insecure',
    mx: [{ host: 'mx.signed-host.example', dnssec: 'secure', certificate: 'self-signed', tlsa: ['match'] }],
  },
  'enforce.example': { sts: { policy: { mode: 'enforce' } } },
  'enforce-tls12.example': { mx: [{ tls: tls12 }], sts: { policy: { mode: 'enforce' } } },
  'enforce-wrong.example': { mx: [{ certificate: 'wrong-name' }], sts: { policy: { mode: 'enforce' } } },
  'testing.example': { mx: [{ certificate: 'self-signed' }], sts: { policy: { mode: 'testing' } } },
};

/** Of these, the rule in force keeps the message from hosts that another rule would try. */
const several: Readonly<Record<string, DomainSpec>> = {
  'enforce-not-named.example': { sts: { policy: { mode: 'enforce', mx: ['mx.other.example'] } } },
  'two-hosts.example': {
    mx: [
      { host: 'mx1.two-hosts.example', tls: tls12, preference: 10 },
      { host: 'mx2.two-hosts.example', preference: 20 },
    ],
  },
  'weak-first.example': {
    mx: [
      { host: 'mx1.weak-first.example', behaviour: 'no-starttls', preference: 10 },
      { host: 'mx2.weak-first.example', certificate: 'self-signed', preference: 20 },
    ],
  },
  'split.example': {
    dnssec: 'secure',
    mx: [
      { host: 'mx1.split.example', preference: 10 },
      { host: 'mx2.split.example', certificate: 'self-signed', tlsa: ['match'], preference: 20 },
    ],
  },
};

export interface Peers {
  readonly world: World;
  /** The fingerprint of the certificate of pinned.example. */
  readonly fingerprint: string;
  readonly all: readonly string[];
  /** Those with one host, which every rule may try. */
  readonly alone: ReadonlySet<string>;
}

export async function makePeers(): Promise<Peers> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem, leaf } = await office.certificate('mx.pinned.example', 'self-signed');
  const pinned: DomainSpec = { mx: [{ certificate: { kind: 'given', chainPem, keyPem } }] };
  const ones = { ...alone, 'pinned.example': pinned };
  return {
    world: { domains: { ...ones, ...several } },
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    all: Object.keys({ ...ones, ...several }),
    alone: new Set(Object.keys(ones)),
  };
}
