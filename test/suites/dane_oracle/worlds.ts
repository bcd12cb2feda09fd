/** Public key infrastructures, sound and faulty: who exists, and what the server sends. */
import {
  createCa,
  createKey,
  intermediate,
  issue,
  selfSigned,
  tlv,
  type CertificateOptions,
  type Issued,
  type Key,
  type KeyType,
} from '../../../haraka-test-harness/pki';
import type { Random } from './random';

/** The MX host and TLSA base domain of every case. */
export const host = 'mx.example.com';
/** A next-hop domain, the second reference identifier of some cases. */
export const nextHop = 'example.com';

export interface World {
  readonly kind: string;
  /** What the server sends, the leaf first. */
  readonly sent: readonly Issued[];
  /** Whom TLSA records of usage 2 may name, sent or not. */
  readonly authorities: readonly Issued[];
}

type Build = (tools: Tools) => Promise<Omit<World, 'kind'>>;

/** Key pairs that worlds share, because RSA keys take long to make. */
export class KeyPool {
  readonly #keys = new Map<KeyType, Key[]>();

  constructor() {
    for (const type of ['rsa', 'rsa-1024', 'ec', 'ec-p384', 'ed25519'] as const) {
      this.#keys.set(
        type,
        Array.from({ length: 8 }, () => createKey(type)),
      );
    }
  }

  /** The pool's key number `index` of this type. */
  key(type: KeyType, index: number): Key {
    const key = this.#keys.get(type)?.[index];
    if (key === undefined) throw new Error(`no key ${type} ${index}`);
    return key;
  }
}

/** Builds certificates with different keys of mixed types. */
class Tools {
  #used = 0;
  readonly #type: KeyType | 'mixed';

  readonly #pool: KeyPool;

  constructor(
    readonly random: Random,
    pool: KeyPool,
  ) {
    this.#pool = pool;
    this.#type = random.pick(['ec', 'ec', 'rsa', 'ed25519', 'mixed']);
  }

  key(type?: KeyType): Key {
    const mixed =
      this.#type === 'mixed' ? this.random.pick(['ec', 'ec-p384', 'rsa', 'ed25519'] as const) : this.#type;
    return this.#pool.key(type ?? mixed, this.#used++ % 8);
  }

  root(options: CertificateOptions = {}): Promise<Issued> {
    return createCa({ commonName: 'Oracle Root', ...this.#withKey(options) });
  }

  middle(ca: Issued, options: CertificateOptions = {}): Promise<Issued> {
    return intermediate(ca, { commonName: 'Oracle Intermediate', ...this.#withKey(options) });
  }

  leaf(ca: Issued, options: CertificateOptions = {}): Promise<Issued> {
    return issue(ca, { dnsNames: [host], ...this.#withKey(options) });
  }

  own(options: CertificateOptions = {}): Promise<Issued> {
    return selfSigned({ dnsNames: [host], ...this.#withKey(options) });
  }

  #withKey(options: CertificateOptions): CertificateOptions {
    return { ...options, key: typeof options.key === 'object' ? options.key : this.key(options.key) };
  }
}

/** Root, intermediate, leaf, with these deviations. */
function three(root: CertificateOptions, middle: CertificateOptions, leaf: CertificateOptions): Build {
  return async (tools) => {
    const top = await tools.root(root);
    const below = await tools.middle(top, middle);
    const end = await tools.leaf(below, leaf);
    return { sent: [end, below, top], authorities: [below, top] };
  };
}

const day = 86_400_000;
const past = { notBefore: new Date(Date.now() - 60 * day), notAfter: new Date(Date.now() - 30 * day) };
const future = { notBefore: new Date(Date.now() + 30 * day), notAfter: new Date(Date.now() + 60 * day) };
const noted = { oid: '1.3.6.1.4.1.99999.1', critical: false, valueHex: '0500' };
const critical = { ...noted, critical: true };
const policies = { oid: '2.5.29.32', critical: true, valueHex: '300630040602551d' };
/** An explicit policy is required from here on. */
const policyConstraints = { oid: '2.5.29.36', critical: true, valueHex: '3003800100' };
/** http://a.example/b.crl */
const crlDistributionPoints = {
  oid: '2.5.29.31',
  critical: true,
  valueHex: '301e301ca01aa0188616687474703a2f2f612e6578616d706c652f622e63726c',
};
const ocspNoCheck = { oid: '1.3.6.1.5.5.7.48.1.5', valueHex: '0500' };
/** RFC 3820, `id-ppl-inheritAll`. */
const proxyInfo = { oid: '1.3.6.1.5.5.7.1.14', valueHex: '300c300a06082b06010505071501' };
/** Server Gated Cryptography, of Netscape and of Microsoft: extendedKeyUsage of the days of export rules. */
const gated = {
  oid: '2.5.29.37',
  critical: false,
  valueHex: '301706096086480186f8420401060a2b0601040182370a0303',
};
/** OCSP at http://a.example/ */
const authorityInformation = '301f301d06082b060105050730018611687474703a2f2f612e6578616d706c652f';
/** Bits of nsCertType: the first octet of a BIT STRING. */
const netscape = (bits: number, isCritical: boolean) => ({
  oid: '2.16.840.1.113730.1.1',
  critical: isCritical,
  valueHex: `030200${bits.toString(16).padStart(2, '0')}`,
});
const wildcard = { dnsNames: ['*.example.com'] };
const forServers = 0x40;
const forClients = 0x80;
const forAuthorities = 0x04;
const permits = (dns: string) => ({ nameConstraints: { permitted: [{ dns }] } });
const excludes = (dns: string) => ({ nameConstraints: { excluded: [{ dns }] } });
/** A name constraint that spells out that nothing above its base is missing. */
const permitsFromZero = {
  oid: '2.5.29.30',
  critical: true,
  valueHex: '3014a0123010820b6578616d706c652e636f6d800100',
};
/** A subjectAltName of these dNSNames, octet for octet. */
const rawNames = (...names: string[]) => ({
  oid: '2.5.29.17',
  critical: false,
  valueHex: tlv(0x30, ...names.map((name) => tlv(0x82, Buffer.from(name)))).toString('hex'),
});

/** A leaf whose key usage rules TLS out is not among these: OpenSSL serves no such certificate. */
const builders: Readonly<Record<string, Build>> = {
  'sound: leaf, intermediate, root': three({}, {}, {}),
  'sound: leaf and root': async (tools) => {
    const root = await tools.root();
    return { sent: [await tools.leaf(root), root], authorities: [root] };
  },
  'sound: four certificates': async (tools) => {
    const root = await tools.root();
    const upper = await tools.middle(root, { commonName: 'Upper' });
    const lower = await tools.middle(upper, { commonName: 'Lower' });
    return { sent: [await tools.leaf(lower), lower, upper, root], authorities: [lower, upper, root] };
  },
  'sound: no key identifiers': three(
    { keyIdentifiers: 'absent' },
    { keyIdentifiers: 'absent' },
    { keyIdentifiers: 'absent' },
  ),
  'sound: no key usage': three({ keyUsage: 'absent' }, { keyUsage: 'absent' }, { keyUsage: 'absent' }),

  'sent: root left out': async (tools) => {
    const world = await three({}, {}, {})(tools);
    return { ...world, sent: world.sent.slice(0, 2) };
  },
  'sent: leaf alone': async (tools) => {
    const world = await three({}, {}, {})(tools);
    return { ...world, sent: world.sent.slice(0, 1) };
  },
  'sent: intermediate left out': async (tools) => {
    const world = await three({}, {}, {})(tools);
    return { ...world, sent: world.sent.filter((_, depth) => depth !== 1) };
  },
  'sent: out of order, with duplicates and strangers': async (tools) => {
    const { sent, authorities } = await three({}, {}, {})(tools);
    const stranger = await tools.root({ commonName: 'Stranger' });
    const [leaf, ...above] = sent as [Issued, ...Issued[]];
    const rest = tools.random.shuffle([...above, ...above, leaf, stranger]);
    return { sent: [leaf, ...rest], authorities: [...authorities, stranger] };
  },
  'sent: ten intermediates': (tools) => tower(tools, 10),
  'sent: fifteen intermediates': (tools) => tower(tools, 15),
  'sent: thirty intermediates': (tools) => tower(tools, 30),
  'sent: the anchor behind forty strangers': async (tools) => {
    const root = await tools.root();
    const strangers = [];
    for (let count = 0; count < 40; count++)
      strangers.push(await tools.root({ commonName: `Stranger ${count}` }));
    return { sent: [await tools.leaf(root), ...strangers, root], authorities: [root] };
  },

  'dates: leaf expired': three({}, {}, past),
  'dates: leaf not valid yet': three({}, {}, future),
  'dates: intermediate expired': three({}, past, {}),
  'dates: root expired': three(past, {}, {}),
  'dates: root not valid yet': three(future, {}, {}),

  'name: another host': three({}, {}, { dnsNames: ['mx.example.net'] }),
  'name: one of several': three({}, {}, { dnsNames: ['a.example', host, 'b.example'] }),
  'name: next-hop domain only': three({}, {}, { dnsNames: [nextHop] }),
  'name: upper case': three({}, {}, { dnsNames: ['MX.Example.COM'] }),
  'name: wildcard': three({}, {}, { dnsNames: ['*.example.com'] }),
  'name: wildcard too high': three({}, {}, { dnsNames: ['*.com'] }),
  'name: wildcard too low': three({}, {}, { dnsNames: ['*.mx.example.com'] }),
  'name: partial wildcard': three({}, {}, { dnsNames: ['m*.example.com'] }),
  'name: common name, no SAN': three({}, {}, { dnsNames: [], commonName: host }),
  'name: common name as a wildcard': three({}, {}, { dnsNames: [], commonName: '*.example.com' }),
  'name: common name beside another DNS-ID': three({}, {}, { dnsNames: ['a.example'], commonName: host }),
  'name: common name beside an address': three(
    {},
    {},
    { dnsNames: [], ipAddresses: ['192.0.2.1'], commonName: host },
  ),
  'name: text that is not ASCII beside it': three(
    {},
    {},
    { dnsNames: [], extensions: [rawNames(host, 'm\u00fcx.example.com')] },
  ),
  'name: none': three({}, {}, { dnsNames: [], commonName: '' }),

  'purpose: leaf for clients': three({}, {}, { purposes: ['clientAuth'] }),
  'purpose: leaf for servers and clients': three({}, {}, { purposes: ['clientAuth', 'serverAuth'] }),
  'purpose: leaf for any': three({}, {}, { purposes: ['any'] }),
  'purpose: leaf unspecified': three({}, {}, { purposes: [] }),
  'purpose: intermediate for e-mail': three({}, { purposes: ['emailProtection'] }, {}),
  'purpose: intermediate for servers': three({}, { purposes: ['serverAuth'] }, {}),
  'purpose: leaf for gated cryptography': three({}, {}, { purposes: [], extensions: [gated] }),
  'purpose: intermediate for gated cryptography': three({}, { extensions: [gated] }, {}),
  'purpose: root for e-mail': three({ purposes: ['emailProtection'] }, {}, {}),

  'issuer: not a CA': three({}, { basicConstraints: 'leaf' }, {}),
  'issuer: does not say whether it is a CA': three(
    {},
    { basicConstraints: 'absent', keyUsage: 'absent' },
    {},
  ),
  'issuer: key usage alone says CA': three({}, { basicConstraints: 'absent' }, {}),
  'issuer: key usage alone says that the root is a CA': three({ basicConstraints: 'absent' }, {}, {}),
  'issuer: key usage alone says that the last two are CAs': three(
    { basicConstraints: 'absent' },
    { basicConstraints: 'absent' },
    {},
  ),
  'issuer: Netscape alone says that the root is a CA': three(
    {
      basicConstraints: 'absent',
      keyUsage: 'absent',
      extensions: [netscape(forAuthorities, false)],
    },
    {},
    {},
  ),
  'issuer: Netscape alone says that the intermediate is a CA': three(
    {},
    {
      basicConstraints: 'absent',
      keyUsage: 'absent',
      extensions: [netscape(forAuthorities, false)],
    },
    {},
  ),
  'issuer: key usage without keyCertSign': three({}, { keyUsage: 'leaf' }, {}),
  'issuer: root not a CA': three({ basicConstraints: 'leaf' }, {}, {}),
  'issuer: leaf is a CA': three({}, {}, { basicConstraints: 'ca' }),
  'issuer: same name, another key': async (tools) => {
    const world = await three({}, {}, {})(tools);
    const forger = await tools.root({ commonName: 'Oracle Intermediate', keyIdentifiers: 'absent' });
    const forged = await tools.leaf(forger, { keyIdentifiers: 'absent' });
    return { ...world, sent: [forged, ...world.sent.slice(1)] };
  },

  'path length: root allows none': three({ pathLength: 0 }, {}, {}),
  'path length: root allows one': three({ pathLength: 1 }, { pathLength: 0 }, {}),
  'path length: intermediate allows none': async (tools) => {
    const root = await tools.root();
    const upper = await tools.middle(root, { commonName: 'Upper', pathLength: 0 });
    const lower = await tools.middle(upper, { commonName: 'Lower' });
    return { sent: [await tools.leaf(lower), lower, upper, root], authorities: [lower, upper, root] };
  },
  'path length: self-issued does not count': async (tools) => {
    const root = await tools.root({ pathLength: 1 });
    const upper = await tools.middle(root, { commonName: 'Same', pathLength: 0 });
    const lower = await tools.middle(upper, { commonName: 'Same' });
    return { sent: [await tools.leaf(lower), lower, upper, root], authorities: [lower, upper, root] };
  },

  'cross-signed: both sent': (tools) => crossSigned(tools, {}, {}),
  'cross-signed: the first expired': (tools) => crossSigned(tools, past, {}),
  'cross-signed: the second not a CA': (tools) => crossSigned(tools, {}, { basicConstraints: 'leaf' }),
  'cross-signed: roots in a circle': async (tools) => {
    const [one, two] = [tools.key(), tools.key()];
    const first = await tools.root({ commonName: 'One', key: one });
    const second = await tools.root({ commonName: 'Two', key: two });
    const firstBySecond = await tools.middle(second, { commonName: 'One', key: one });
    const secondByFirst = await tools.middle(first, { commonName: 'Two', key: two });
    const leaf = await tools.leaf(first);
    return {
      sent: [leaf, firstBySecond, secondByFirst],
      authorities: [first, second, firstBySecond, secondByFirst],
    };
  },

  'constraints: name permitted': three({}, permits('example.com'), {}),
  'constraints: name not permitted': three({}, permits('example.org'), {}),
  'constraints: leading dot': three({}, permits('.example.com'), {}),
  'constraints: name excluded': three(excludes('example.com'), {}, {}),
  'constraints: another name excluded': three(excludes('ample.com'), {}, {}),
  'constraints: wildcard permitted': three({}, permits('example.com'), { dnsNames: ['*.example.com'] }),
  'constraints: common name not permitted': three({}, permits('example.org'), {
    dnsNames: [],
    commonName: host,
  }),
  'constraints: common name is no host': three({}, permits('example.com'), { commonName: 'Mail Service' }),
  'constraints: address not permitted': three(
    {},
    { nameConstraints: { permitted: [{ ipHex: 'c6336400ffffff00' }] } },
    { ipAddresses: ['192.0.2.1'] },
  ),
  'constraints: address permitted': three(
    {},
    { nameConstraints: { permitted: [{ ipHex: 'c0000200ffffff00' }] } },
    { ipAddresses: ['192.0.2.1'] },
  ),
  'constraints: e-mail excluded': three(
    {},
    { nameConstraints: { excluded: [{ email: 'example.com' }] } },
    { emails: ['postmaster@example.com'] },
  ),
  'constraints: another name excluded below a wildcard': three(excludes('mail.example.com'), {}, wildcard),
  'constraints: name excluded below a wildcard': three(excludes(host), {}, wildcard),
  'constraints: name excluded by the intermediate, below a wildcard': three({}, excludes(host), wildcard),
  'constraints: name excluded below a wildcard of the common name': three(
    excludes(host),
    {},
    {
      dnsNames: [],
      commonName: '*.example.com',
    },
  ),
  'constraints: only one name permitted, below a wildcard': three({}, permits(host), wildcard),
  'constraints: name excluded with a dot at the end': three(excludes('example.com.'), {}, {}),
  'constraints: another name excluded with a dot at the end': three(excludes('example.org.'), {}, {}),
  'constraints: name excluded with a wildcard': three(excludes('*.example.com'), {}, {}),
  'constraints: another name excluded with a wildcard': three(excludes('*.mx.example.com'), {}, {}),
  'constraints: name excluded in capitals': three(excludes('EXAMPLE.com'), {}, {}),
  'constraints: name excluded with a partial wildcard': three(excludes('m*.example.com'), {}, {}),
  'constraints: everything excluded': three(excludes(''), {}, {}),
  'constraints: everything excluded, with a dot': three(excludes('.'), {}, {}),
  'constraints: everything excluded, with a wildcard': three(excludes('*'), {}, {}),
  'constraints: name permitted with a dot at the end': three({}, permits('example.com.'), {}),
  'constraints: name permitted with a wildcard': three({}, permits('*.example.com'), {}),
  'constraints: wildcard permitted with a wildcard': three({}, permits('*.example.com'), wildcard),
  'constraints: permitted from zero on': three({}, { extensions: [permitsFromZero] }, {}),
  'constraints: address excluded by less than a mask': three(
    {},
    { nameConstraints: { excluded: [{ ipHex: 'c0000201' }] } },
    { ipAddresses: ['192.0.2.1'] },
  ),

  'extension: unknown in the leaf': three({}, {}, { extensions: [noted] }),
  'extension: critical in the leaf': three({}, {}, { extensions: [critical] }),
  'extension: critical in the intermediate': three({}, { extensions: [critical] }, {}),
  'extension: critical in the root': three({ extensions: [critical] }, {}, {}),
  'extension: critical policies': three({}, { extensions: [policies] }, {}),
  'extension: critical policy constraints': three({}, { extensions: [policyConstraints] }, {}),
  'extension: critical policy constraints in the root': three({ extensions: [policyConstraints] }, {}, {}),
  'extension: critical CRL distribution points': three({}, {}, { extensions: [crlDistributionPoints] }),
  'extension: critical CRL distribution points of the intermediate': three(
    {},
    { extensions: [crlDistributionPoints] },
    {},
  ),
  'extension: critical OCSP-no-check': three({}, {}, { extensions: [{ ...ocspNoCheck, critical: true }] }),
  'extension: OCSP-no-check': three({}, {}, { extensions: [{ ...ocspNoCheck, critical: false }] }),
  'extension: critical nsCertType for servers': three({}, {}, { extensions: [netscape(forServers, true)] }),
  'extension: critical nsCertType for clients': three({}, {}, { extensions: [netscape(forClients, true)] }),
  'extension: nsCertType for clients': three({}, {}, { extensions: [netscape(forClients, false)] }),
  'extension: critical nsCertType for authorities': three(
    { extensions: [netscape(forAuthorities, true)] },
    { extensions: [netscape(forAuthorities, true)] },
    {},
  ),
  'extension: critical nsCertType for servers, of the intermediate': three(
    {},
    { extensions: [netscape(forServers, true)] },
    {},
  ),
  'extension: critical proxy information': three(
    {},
    {},
    { dnsNames: [], commonName: host, extensions: [{ ...proxyInfo, critical: true }] },
  ),
  'extension: proxy information': three(
    {},
    {},
    { dnsNames: [], commonName: host, extensions: [{ ...proxyInfo, critical: false }] },
  ),
  'extension: critical issuer alternative name': three(
    {},
    { extensions: [{ oid: '2.5.29.18', critical: true, valueHex: '3006820461626364' }] },
    {},
  ),
  'extension: critical freshest CRL': three(
    {},
    {},
    { extensions: [{ ...crlDistributionPoints, oid: '2.5.29.46' }] },
  ),
  'extension: critical authority information': three(
    {},
    {},
    { extensions: [{ oid: '1.3.6.1.5.5.7.1.1', critical: true, valueHex: authorityInformation }] },
  ),
  'extension: critical TLS features': three(
    {},
    {},
    { extensions: [{ oid: '1.3.6.1.5.5.7.1.24', critical: true, valueHex: '3003020105' }] },
  ),
  'extension: critical policy mappings': three(
    {},
    { extensions: [{ oid: '2.5.29.33', critical: true, valueHex: '300c300a06032a030406032a0305' }] },
    {},
  ),
  'extension: critical inhibitAnyPolicy': three(
    {},
    { extensions: [{ oid: '2.5.29.54', critical: true, valueHex: '020100' }] },
    {},
  ),

  'strength: leaf with 1024 bits': three({}, {}, { key: 'rsa-1024' }),
  'strength: intermediate with 1024 bits': three({}, { key: 'rsa-1024' }, {}),
  'strength: root with 1024 bits': three({ key: 'rsa-1024' }, {}, {}),
  'strength: leaf signed with SHA-1': three({}, { key: 'rsa' }, { digest: 'SHA-1' }),
  'strength: intermediate signed with SHA-1': three({ key: 'rsa' }, { digest: 'SHA-1' }, {}),
  'strength: root signed with SHA-1': three({ key: 'rsa', digest: 'SHA-1' }, {}, {}),

  'self-signed: leaf': (tools) => alone(tools, {}),
  'self-signed: leaf that is a CA': (tools) => alone(tools, { basicConstraints: 'ca' }),
  'self-signed: leaf that is a CA and may sign': (tools) =>
    alone(tools, { basicConstraints: 'ca', keyUsage: 'absent' }),
  'self-signed: expired leaf': (tools) => alone(tools, past),
  'self-signed: leaf for another name': (tools) => alone(tools, { dnsNames: ['mx.example.net'] }),
};

export const worldKinds = Object.keys(builders);

/** A world of this kind; only its keys are not determined by `random`. */
export async function buildWorld(kind: string, random: Random, pool: KeyPool): Promise<World> {
  const build = builders[kind];
  if (!build) throw new Error(`no such world: ${kind}`);
  return { kind, ...(await build(new Tools(random, pool))) };
}

async function tower(tools: Tools, height: number): Promise<Omit<World, 'kind'>> {
  const authorities = [await tools.root()];
  for (let floor = 0; floor < height; floor++) {
    authorities.unshift(await tools.middle(authorities[0] as Issued, { commonName: `Floor ${floor}` }));
  }
  return { sent: [await tools.leaf(authorities[0] as Issued), ...authorities], authorities };
}

async function crossSigned(
  tools: Tools,
  first: CertificateOptions,
  second: CertificateOptions,
): Promise<Omit<World, 'kind'>> {
  const key = tools.key();
  const [one, two] = [await tools.root({ commonName: 'One' }), await tools.root({ commonName: 'Two' })];
  const byOne = await tools.middle(one, { commonName: 'Crossed', key, ...first });
  const byTwo = await tools.middle(two, { commonName: 'Crossed', key, ...second });
  const leaf = await tools.leaf(byTwo);
  return {
    sent: [leaf, ...tools.random.shuffle([byOne, byTwo, one, two])],
    authorities: [byOne, byTwo, one, two],
  };
}

async function alone(tools: Tools, options: CertificateOptions): Promise<Omit<World, 'kind'>> {
  const leaf = await tools.own(options);
  return { sent: [leaf], authorities: [leaf] };
}
