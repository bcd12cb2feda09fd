/** A policy map as a postmaster keeps it, the destinations that it is about, and what is to become of mail to each. */
import { X509Certificate } from 'node:crypto';
import { selfSigned } from '../../../haraka-test-harness/pki';
import type { CertificateSpec, DomainSpec, MxSpec } from '../../../haraka-test-harness/world';

/** How mail to a destination leaves, if it does. */
export type Fate = 'TLS' | 'cleartext' | 'kept';

export interface Destination {
  readonly domain: string;
  readonly fate: Fate;
  readonly spec: DomainSpec;
}

export interface Scenery {
  /** Text of the table. */
  readonly map: string;
  readonly destinations: readonly Destination[];
  /** What `import` is to name, by the line of the table: there is no section for it, or one without it. */
  readonly leftOut: readonly string[];
}

const plain: MxSpec = { behaviour: 'no-starttls' };
const broken: MxSpec = { behaviour: 'handshake-close' };
const selfMade: MxSpec = { certificate: 'self-signed' };

function to(
  domain: string,
  fate: Fate,
  mx: MxSpec = {},
  dnssec: 'secure' | 'insecure' = 'insecure',
): Destination {
  return { domain, fate, spec: { dnssec, mx: [mx] } };
}

function named(...names: string[]): MxSpec {
  return { certificate: { kind: 'trusted', names } };
}

export async function makeScenery(): Promise<Scenery> {
  const pinned = await given();
  const map = `# smtp_tls_policy_maps
none.example                none
may.example                 may
.may.example                may ciphers=medium
encrypt.example             encrypt
encrypt-plain.example       encrypt
Encrypt-Broken.Example      encrypt

# versions
new.example                 encrypt protocols=TLSv1.3
new-ok.example              encrypt protocols=>=TLSv1.3
old.example                 encrypt,protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1 ciphers=high
verify.example              verify servername=hostname
verify-self.example         verify
    # they promised a certificate
verify-wrong.example        verify
verify-match.example        verify match=hostname:.provider.example
secure.example              secure
secure-below.example        secure
secure-other.example        secure
secure-match.example        secure
    match=mx.provider.example
.deep.example               secure match=nexthop:dot-nexthop
open.deep.example           may
pinned.example              fingerprint match=${pinned.fingerprint}
pinned-wrong.example        fingerprint
    match=${'00'.repeat(32)}|${'11'.repeat(32)}
dane.example                dane
dane-wrong.example          dane
dane-none.example           dane
dane-unusable.example       dane
only.example                dane-only
only-none.example           dane-only
[relay.example]:587         encrypt
`;
  const provider: MxSpec = { host: 'mx.provider.example' };
  return {
    map,
    leftOut: [
      'ciphers at line 4',
      'ciphers at line 12',
      'match at line 25',
      'match at line 27',
      'destination at line 34',
    ],
    destinations: [
      to('none.example', 'cleartext'),
      to('may.example', 'TLS', selfMade),
      to('plain.may.example', 'cleartext', plain),
      to('broken.may.example', 'cleartext', broken),
      to('encrypt.example', 'TLS', selfMade),
      to('encrypt-plain.example', 'kept', plain),
      to('encrypt-broken.example', 'kept', broken),
      to('new.example', 'kept', { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }),
      to('new-ok.example', 'TLS'),
      to('old.example', 'TLS', { tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }),
      to('verify.example', 'TLS'),
      to('verify-self.example', 'kept', selfMade),
      to('verify-wrong.example', 'kept', { certificate: 'wrong-name' }),
      to('verify-match.example', 'TLS', named('any.provider.example')),
      to('secure.example', 'TLS', named('secure.example')),
      to('secure-below.example', 'TLS'),
      to('secure-other.example', 'kept', named('mx.elsewhere.example')),
      to('secure-match.example', 'TLS', provider),
      to('a.deep.example', 'TLS'),
      to('b.a.deep.example', 'kept', selfMade),
      to('open.deep.example', 'cleartext', plain),
      to('deep.example', 'cleartext', plain),
      to('pinned.example', 'TLS', { certificate: pinned.spec }),
      to('pinned-wrong.example', 'kept'),
      to('dane.example', 'TLS', { ...selfMade, tlsa: ['match'] }, 'secure'),
      to('dane-wrong.example', 'kept', { tlsa: ['mismatch'] }, 'secure'),
      to('dane-none.example', 'cleartext', plain, 'secure'),
      to('dane-unusable.example', 'TLS', { ...selfMade, tlsa: ['unusable'] }, 'secure'),
      to('only.example', 'TLS', { ...selfMade, tlsa: ['match'] }, 'secure'),
      to('only-none.example', 'kept', {}, 'secure'),
      // Not in the map.
      to('relay.example', 'cleartext', plain),
      to('stranger.example', 'TLS', selfMade),
      to('old-stranger.example', 'cleartext', plain),
    ],
  };
}

async function given(): Promise<{ spec: CertificateSpec; fingerprint: string }> {
  const { certPem, keyPem } = await selfSigned({ dnsNames: ['mx.pinned.example'] });
  const { fingerprint256 } = new X509Certificate(certPem);
  return { spec: { kind: 'given', chainPem: certPem, keyPem }, fingerprint: fingerprint256 };
}
