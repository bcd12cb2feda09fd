/** What a domain may publish and its hosts may show, and what is to be made of it by `records` and by a sender at `dane-only`. */
import { createHash, X509Certificate } from 'node:crypto';
import {
  chainPem,
  createCa,
  createKey,
  issue,
  selfSigned,
  type Issued,
} from '../../../haraka-test-harness/pki';

/** A certificate as a server has it. */
export interface Shows {
  /** Leaf first, as it is sent. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/** What stands at one address. */
export type Place =
  | { readonly kind: 'haraka'; readonly shows: readonly Shows[]; readonly elsewhere?: boolean }
  /** In config/tls of the install, which Haraka shows to those who ask for its name. */
  | { readonly kind: 'by_name'; readonly shows: Shows }
  | { readonly kind: 'no_starttls' }
  | { readonly kind: 'nobody' };

export interface HostSpec {
  /** Below the domain; `mx` where absent. */
  readonly label?: string;
  readonly places: readonly Place[];
  /** `USAGE SELECTOR TYPE HEX`. */
  readonly tlsa: readonly string[];
  readonly fault?: 'bogus_address' | 'bogus_tlsa' | 'no_address' | 'insecure' | 'alias';
}

export interface State {
  /** Label of the domain. */
  readonly name: string;
  readonly zone: 'signed' | 'unsigned';
  readonly fault?: 'nxdomain' | 'bogus_mx';
  /** In the order of their preference. */
  readonly hosts: readonly HostSpec[];
  /** Certificates with keys below config/tls, which are for other names. */
  readonly alsoInstalled?: readonly Shows[];
  /** What becomes of mail, in both. */
  readonly fate: 'sent' | 'kept' | 'bounced';
  /** Verdict of `records` on each host, in the order above. */
  readonly verdicts: readonly ('accepted' | 'refused' | 'partly' | 'unknown')[];
  /** What `records` says of it, each in some remark or note. */
  readonly says: readonly RegExp[];
  /** Its exit code. */
  readonly code: 0 | 1;
}

export const domainOf = ({ name, zone }: Pick<State, 'name' | 'zone'>): string =>
  zone === 'signed' ? `${name}.lab` : `${name}.unsigned.lab`;

export const hostName = (state: Pick<State, 'name' | 'zone'>, { label = 'mx', fault }: HostSpec): string =>
  fault === 'insecure' ? `${label}.${state.name}.unsigned.lab` : `${label}.${domainOf(state)}`;

const hex = (octets: Buffer, algorithm: 'none' | 'sha256' | 'sha512'): string =>
  algorithm === 'none' ? octets.toString('hex') : createHash(algorithm).update(octets).digest('hex');

const digests = ['none', 'sha256', 'sha512'] as const;

/** TLSA data for a certificate; `type` is the matching type. */
export function tlsa(usage: number, selector: 0 | 1, type: 0 | 1 | 2, of: Issued): string {
  const octets = selector === 0 ? of.certDer : of.key.spki;
  return `${usage} ${selector} ${type} ${hex(octets, digests[type])}`;
}

const shows = (leaf: Issued, ...more: readonly Issued[]): Shows => ({
  chainPem: chainPem(leaf, ...more),
  keyPem: leaf.keyPem,
});
const haraka = (...certificates: readonly Shows[]): Place => ({ kind: 'haraka', shows: certificates });

export async function makeStates(): Promise<State[]> {
  const day = 24 * 3600_000;
  const past = { notBefore: new Date(Date.now() - 40 * day), notAfter: new Date(Date.now() - day) };
  const ca = await createCa();
  const old = createKey('ec');
  const stranger = await selfSigned({ dnsNames: ['old.lab'], key: old });
  const of = (name: string, more: Parameters<typeof issue>[1] = {}) =>
    issue(ca, { dnsNames: [`mx.${name}.lab`], ...more });
  const one = (
    name: string,
    host: Omit<HostSpec, 'label'>,
    rest: Omit<State, 'name' | 'zone' | 'hosts'>,
  ): State => ({
    name,
    zone: 'signed',
    hosts: [host],
    ...rest,
  });
  const good = { fate: 'sent', verdicts: ['accepted'], code: 0 } as const;
  const sent = { fate: 'sent', verdicts: ['accepted'], code: 1 } as const;
  const kept = { fate: 'kept', verdicts: ['refused'], code: 1 } as const;
  const leaf = await of('any');
  const other = await issue(ca, { dnsNames: ['www.lab'] });
  const rsa = await selfSigned({ dnsNames: ['mx.both.lab'], key: 'rsa' });
  const untrusted = await selfSigned({ dnsNames: ['mx.any.lab'] });
  const second = await of('second');
  const ee = [tlsa(3, 1, 1, leaf)];
  const stale = tlsa(3, 1, 1, stranger);

  return [
    one(
      'good',
      { places: [haraka(shows(leaf))], tlsa: ee },
      { ...good, says: [/is authenticated: dane 3 1 1/] },
    ),
    one(
      'stale-beside',
      { places: [haraka(shows(leaf))], tlsa: [stale, ...ee] },
      { ...sent, says: [/is stale: nothing that is shown matches it, and no key that was found here/] },
    ),
    one(
      'stale',
      { places: [haraka(shows(leaf))], tlsa: [stale] },
      { ...kept, says: [/senders with DANE do not deliver there/, /is stale/] },
    ),
    one(
      'other-key',
      { places: [haraka(shows(leaf))], tlsa: [tlsa(3, 1, 1, other)] },
      { ...kept, alsoInstalled: [shows(other)], says: [/is stale.*although a key of this install would/] },
    ),
    one(
      'anchor',
      { places: [haraka(shows(await of('anchor'), ca))], tlsa: [tlsa(2, 1, 1, ca)] },
      { ...sent, says: [/is authenticated: dane 2 1 1/] },
    ),
    one(
      'anchor-not-sent',
      { places: [haraka(shows(await of('anchor-not-sent')))], tlsa: [tlsa(2, 1, 1, ca)] },
      { ...kept, says: [/do not deliver there/] },
    ),
    one(
      'anchor-key-in-dns',
      { places: [haraka(shows(await of('anchor-key-in-dns')))], tlsa: [tlsa(2, 1, 0, ca)] },
      { ...sent, says: [/is authenticated: dane 2 1 0/] },
    ),
    one(
      'anchor-expired',
      { places: [haraka(shows(await of('anchor-expired', past), ca))], tlsa: [tlsa(2, 1, 1, ca)] },
      { ...kept, says: [/certificate-expired/] },
    ),
    one(
      'anchor-other-name',
      { places: [haraka(shows(leaf, ca))], tlsa: [tlsa(2, 1, 1, ca)] },
      { ...kept, says: [/certificate-host-mismatch/] },
    ),
    one(
      'anchor-next-hop',
      {
        places: [haraka(shows(await issue(ca, { dnsNames: ['anchor-next-hop.lab'] }), ca))],
        tlsa: [tlsa(2, 0, 1, ca)],
      },
      { ...sent, says: [/is authenticated: dane 2 0 1/] },
    ),
    one(
      'leaf-as-anchor',
      { places: [haraka(shows(untrusted))], tlsa: [tlsa(2, 1, 1, untrusted)] },
      { ...kept, says: [/do not deliver there/] },
    ),
    one(
      'by-name',
      {
        places: [{ kind: 'by_name', shows: shows(await of('by-name'), ca) }],
        tlsa: [tlsa(2, 1, 1, ca)],
      },
      { ...kept, says: [/do not deliver there/] },
    ),
    one(
      'expired',
      await (async (): Promise<HostSpec> => {
        const expired = await of('expired', past);
        return { places: [haraka(shows(expired))], tlsa: [tlsa(3, 1, 1, expired)] };
      })(),
      { ...good, says: [/is authenticated: dane 3 1 1/] },
    ),
    one(
      'sha512',
      { places: [haraka(shows(leaf))], tlsa: [tlsa(3, 1, 2, leaf)] },
      { ...sent, says: [/is authenticated: dane 3 1 2/] },
    ),
    one(
      'sha512-wrong',
      { places: [haraka(shows(leaf))], tlsa: [tlsa(3, 1, 2, stranger), ...ee] },
      { ...kept, says: [/do not deliver there/, /TLSA 3 1 2 \S+ is stale/] },
    ),
    one(
      'whole-certificate',
      { places: [haraka(shows(leaf))], tlsa: [tlsa(3, 0, 0, leaf)] },
      { ...sent, says: [/is authenticated: dane 3 0 0/] },
    ),
    one(
      'unusable',
      { places: [haraka(shows(leaf))], tlsa: [tlsa(1, 1, 1, leaf), tlsa(0, 1, 1, ca)] },
      { ...kept, says: [/do not deliver: .*/] },
    ),
    one(
      'unusable-beside',
      { places: [haraka(shows(leaf))], tlsa: [`3 1 1 ${'ab'.repeat(20)}`, tlsa(1, 1, 1, leaf), ...ee] },
      { ...sent, says: [/is of no use to senders/] },
    ),
    one(
      'two-places',
      {
        places: [{ kind: 'haraka', shows: [shows(second)], elsewhere: true }, haraka(shows(leaf))],
        tlsa: ee,
      },
      { ...sent, verdicts: ['partly'], says: [/do not deliver there/, /is authenticated/] },
    ),
    one(
      'both-keys',
      { places: [haraka(shows(leaf), shows(rsa))], tlsa: ee },
      {
        ...sent,
        verdicts: ['partly'],
        says: [/an RSA key: senders with DANE do not deliver/, /an EC key, which/],
      },
    ),
    {
      name: 'two-hosts',
      zone: 'signed',
      hosts: [
        {
          label: 'mx1',
          places: [{ kind: 'haraka', shows: [shows(second)], elsewhere: true }],
          tlsa: [stale],
        },
        { label: 'mx2', places: [haraka(shows(leaf))], tlsa: ee },
      ],
      ...sent,
      verdicts: ['refused', 'accepted'],
      says: [/^mx1.*do not deliver there/, /^mx2.*is authenticated/],
    },
    one(
      'no-tlsa',
      { places: [haraka(shows(leaf))], tlsa: [] },
      { ...kept, says: [/do not deliver: dane-required/] },
    ),
    one(
      'alias',
      { places: [haraka(shows(leaf))], tlsa: ee, fault: 'alias' },
      { ...sent, says: [/is authenticated: dane 3 1 1/] },
    ),
    one(
      'no-starttls',
      { places: [{ kind: 'no_starttls' }], tlsa: ee },
      { ...kept, says: [/starttls-not-supported/] },
    ),
    one(
      'nobody',
      { places: [{ kind: 'nobody' }], tlsa: ee },
      { ...kept, verdicts: ['unknown'], says: [/what it shows is not known/] },
    ),
    one(
      'bogus-tlsa',
      { places: [haraka(shows(leaf))], tlsa: ee, fault: 'bogus_tlsa' },
      { ...kept, says: [/do not deliver: dns/] },
    ),
    one(
      'bogus-address',
      { places: [haraka(shows(leaf))], tlsa: ee, fault: 'bogus_address' },
      { ...kept, says: [/do not deliver: dns/] },
    ),
    one(
      'no-address',
      { places: [], tlsa: ee, fault: 'no_address' },
      { ...kept, fate: 'bounced', says: [/do not deliver: .*address/] },
    ),
    one(
      'insecure-host',
      { places: [haraka(shows(leaf))], tlsa: ee, fault: 'insecure' },
      { ...kept, says: [/do not deliver: dane-required/] },
    ),
    {
      name: 'domain',
      zone: 'unsigned',
      hosts: [{ places: [haraka(shows(leaf))], tlsa: ee }],
      ...kept,
      says: [/do not deliver: dane-required/],
    },
    {
      name: 'nowhere',
      zone: 'signed',
      fault: 'nxdomain',
      hosts: [],
      ...kept,
      fate: 'bounced',
      says: [/^nowhere.lab.: senders that demand DANE do not deliver: .*does not exist/],
    },
    {
      name: 'bogus-mx',
      zone: 'signed',
      fault: 'bogus_mx',
      hosts: [{ places: [haraka(shows(leaf))], tlsa: ee }],
      ...kept,
      says: [/do not deliver: dns/],
    },
  ];
}

/** For messages: the public key that is shown. */
export function keyTypeOf({ chainPem: pem }: Shows): string {
  return new X509Certificate(pem).publicKey.asymmetricKeyType ?? '';
}
