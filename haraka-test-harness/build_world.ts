/** Makes a world real: issues its certificates, fills its DNS, starts its hosts, and notes which address leads where. */
import { openCertificateOffice, type CertificateOffice, type ServerCertificate } from './certificates';
import { type DnsServer, startDnsServer } from './dns_server';
import { startMiddlebox, type Middlebox } from './middlebox';
import { startPolicyHost, type PolicyHost } from './policy_host';
import { startSmtpPeer, type SmtpPeer } from './smtp_peer';
import type {
  AddressSpec,
  DnsRecord,
  DomainSpec,
  HostSpec,
  LookupFate,
  MxSpec,
  RecordType,
  Route,
  StsSpec,
  TlsaSpec,
  Validation,
  World,
} from './world';

/** Where the connections to one address and port go. */
export interface RouteTarget {
  readonly host: string;
  readonly port: number;
  readonly route: Route;
}

/** By `address|port`. */
export type Routes = ReadonlyMap<string, RouteTarget>;

export interface BuiltWorld {
  readonly dns: DnsServer;
  readonly office: CertificateOffice;
  /** By host name. */
  readonly peers: ReadonlyMap<string, SmtpPeer>;
  /** By the name of the host behind it. */
  readonly middleboxes: ReadonlyMap<string, Middlebox>;
  /** By policy domain. */
  readonly policyHosts: ReadonlyMap<string, PolicyHost>;
  readonly routes: Routes;
  readonly stop: () => Promise<void>;
}

/**
 * Which ports a world listens at. `real`: 53, 25 and 443, at public addresses. It takes a network namespace of its own, in which
 * these addresses are this machine's, and then whoever lives there needs no shim.
 */
export type WorldPorts = 'ephemeral' | 'real';

export async function buildWorld(world: World, ports: WorldPorts = 'ephemeral'): Promise<BuiltWorld> {
  const office = await openCertificateOffice();
  const portOf = (real: number): number => (ports === 'real' ? real : 0);
  const dns = await startDnsServer(portOf(53));
  const peers = new Map<string, SmtpPeer>();
  const middleboxes = new Map<string, Middlebox>();
  const policyHosts = new Map<string, PolicyHost>();
  const routes = new Map<string, RouteTarget>();
  const nextAddress = addressSequence(ports === 'real' ? publicNetwork : '127.');
  const stop = async (): Promise<void> => {
    const parts = [dns, ...middleboxes.values(), ...peers.values(), ...policyHosts.values()];
    await Promise.all(parts.map((part) => part.stop()));
  };

  try {
    dns.edns(world.edns ?? 'spoken');
    for (const [zone, validation] of Object.entries(world.zones ?? {})) dns.zone(zone, validation);
    for (const [domain, spec] of Object.entries(world.domains)) publishDomain(dns, domain, spec);
    const hosts = hostsOf(world);
    await allOf(
      [...hosts].map(async ([name, { spec, dnssec }]) => {
        const own = nextAddress();
        const certificate = await office.certificate(name, spec.certificate ?? 'trusted');
        const peer = await startSmtpPeer({
          name,
          address: own,
          port: portOf(25),
          certificate,
          tls: spec.tls ?? { min: 'TLSv1.2', max: 'TLSv1.3' },
          behaviour: spec.behaviour ?? 'normal',
        });
        peers.set(name, peer);
        let { port } = peer;
        if (spec.middlebox !== undefined) {
          const middlebox = await startMiddlebox({ ...spec.middlebox, address: own, host: peer });
          middleboxes.set(name, middlebox);
          port = middlebox.port;
        }
        const addresses = (spec.addresses ?? [own]).map(asAddress);
        publishHost(dns, office, certificate, name, spec, addresses, dnssec);
        for (const { address, route } of addresses) {
          routes.set(`${address}|25`, { host: own, port, route: route ?? 'open' });
        }
      }),
    );
    await allOf(
      Object.entries(world.domains).map(async ([domain, spec]) => {
        if (spec.sts === undefined) return;
        const own = nextAddress();
        const published = spec.sts.address ?? own.replace(/^127\./, publicNetwork);
        const name = `mta-sts.${domain}`;
        const host = await startPolicyHost({
          name,
          address: own,
          port: portOf(443),
          body: policyBody(spec.sts, domain, spec),
          behaviour: spec.sts.behaviour ?? 'serve',
          certificate: await office.certificate(name, spec.sts.certificate ?? 'trusted'),
        });
        policyHosts.set(domain, host);
        publishPolicy(dns, domain, spec.sts, published);
        routes.set(`${published}|443`, { host: own, port: host.port, route: spec.sts.route ?? 'open' });
      }),
    );
    for (const set of world.records ?? []) dns.set(set);
    return { dns, office, peers, middleboxes, policyHosts, routes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The MX hosts of a domain by name, as its MX RRset lists them. */
export function mxHosts(domain: string, spec: DomainSpec): readonly (MxSpec & { readonly host: string })[] {
  if (spec.implicit !== undefined || spec.mx === 'null') return [];
  return (spec.mx ?? [{}]).map((mx) => ({ ...mx, host: mx.host ?? `mx.${domain}` }));
}

function hostsOf(world: World): Map<string, { spec: HostSpec; dnssec: Validation }> {
  const hosts = new Map<string, { spec: HostSpec; dnssec: Validation }>();
  for (const [name, spec] of Object.entries(world.hosts ?? {})) {
    hosts.set(name, { spec, dnssec: spec.dnssec ?? 'insecure' });
  }
  for (const [domain, spec] of Object.entries(world.domains)) {
    const dnssec = spec.dnssec ?? 'insecure';
    const listed = mxHosts(domain, spec).map((mx) => [mx.host, mx] as const);
    const implicit = spec.implicit === undefined ? [] : [[domain, spec.implicit] as const];
    for (const [name, host] of [...listed, ...implicit]) {
      if (!hosts.has(name)) hosts.set(name, { spec: host, dnssec: host.dnssec ?? dnssec });
    }
  }
  return hosts;
}

function publishDomain(dns: DnsServer, domain: string, spec: DomainSpec): void {
  dns.zone(domain, spec.dnssec ?? 'insecure');
  const records: DnsRecord[] =
    spec.mx === 'null'
      ? [{ type: 'MX', preference: 0, exchange: '' }]
      : mxHosts(domain, spec).map(({ host, preference }) => ({
          type: 'MX',
          preference: preference ?? 10,
          exchange: host,
        }));
  if (records.length > 0) dns.set({ name: domain, type: 'MX', records });
  applyFates(dns, domain, spec.lookups ?? {});
}

function publishHost(
  dns: DnsServer,
  office: CertificateOffice,
  certificate: ServerCertificate,
  name: string,
  spec: HostSpec,
  addresses: readonly AddressSpec[],
  dnssec: Validation,
): void {
  dns.zone(name, dnssec);
  const { alias } = spec;
  if (alias !== undefined) {
    dns.set({ name, type: 'CNAME', records: [{ type: 'CNAME', target: alias.target }] });
    dns.zone(alias.target, alias.dnssec ?? dnssec);
  }
  const owner = alias?.target ?? name;
  for (const type of ['A', 'AAAA'] as const) {
    const records = addresses.filter((one) => (one.address.includes(':') ? 'AAAA' : 'A') === type);
    if (records.length > 0) {
      dns.set({ name: owner, type, records: records.map(({ address }) => ({ type, address })) });
    }
  }
  const publishTlsa = (base: string, specs: readonly TlsaSpec[]): void => {
    if (specs.length === 0) return;
    const records = specs.map((one) => office.tlsa(one, certificate));
    dns.set({ name: tlsaName(base), type: 'TLSA', records });
  };
  publishTlsa(name, spec.tlsa ?? []);
  publishTlsa(owner, alias?.tlsa ?? []);
  const { TLSA: tlsaFate, ...others } = spec.lookups ?? {};
  applyFates(dns, name, others);
  if (tlsaFate !== undefined) dns.fate(tlsaName(name), 'TLSA', tlsaFate);
}

function publishPolicy(dns: DnsServer, domain: string, sts: StsSpec, address: string): void {
  const name = `_mta-sts.${domain}`;
  const texts = sts.txt ?? [`v=STSv1; id=${sts.id ?? '1'};`];
  if (texts.length > 0) {
    dns.set({ name, type: 'TXT', records: texts.map((text) => ({ type: 'TXT', text })) });
  }
  if (sts.txtFate !== undefined) dns.fate(name, 'TXT', sts.txtFate);
  dns.set({ name: `mta-sts.${domain}`, type: 'A', records: [{ type: 'A', address }] });
}

/** The policy file that `sts` describes (RFC 8461 section 3.2). */
export function policyBody(sts: StsSpec, domain: string, spec: DomainSpec): string {
  const policy = sts.policy ?? { mode: 'enforce' };
  if (typeof policy === 'string') return policy;
  const mx = policy.mx ?? mxHosts(domain, spec).map(({ host }) => host);
  const lines = [
    'version: STSv1',
    `mode: ${policy.mode}`,
    ...mx.map((pattern) => `mx: ${pattern}`),
    `max_age: ${policy.maxAge ?? 86_400}`,
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

export function tlsaName(base: string): string {
  return `_25._tcp.${base}`;
}

function applyFates(dns: DnsServer, name: string, fates: Partial<Record<RecordType, LookupFate>>): void {
  for (const [type, fate] of Object.entries(fates)) dns.fate(name, type as RecordType, fate);
}

function asAddress(spec: string | AddressSpec): AddressSpec {
  return typeof spec === 'string' ? { address: spec } : spec;
}

/** Waits for all, also where one fails: what is still starting could not be stopped. */
async function allOf(starting: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(starting)).find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Policy hosts seem to be out in public: nobody should fetch policies from a loopback address. */
const publicNetwork = '25.';

/** 127.20.0.1 and on: all of 127.0.0.0/8 is this machine on Linux. */
function addressSequence(network: string): () => string {
  let last = 0;
  return () => {
    last++;
    return `${network}20.${Math.floor(last / 250)}.${(last % 250) + 1}`;
  };
}
