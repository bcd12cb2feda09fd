/**
 * `npm run test:dnssec`: the resolver and the discovery of destinations against real DNSSEC. NSD serves zones that are
 * signed here and now, unbound validates them; the transcript shows what was found in each scenario.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createCa, issue } from '../../../haraka-test-harness/pki';
import { discoverDestination, type DestinationOptions } from '../../../src/dns/destination';
import { createResolver, type Resolver, type ResolverOptions } from '../../../src/dns/resolver';
import type { Answer, Destination, MxHostFacts } from '../../../src/dns/types';
import { trusting } from '../../dns/lab_resolver';
import {
  freePort,
  missingPrograms,
  startNsd,
  startUnbound,
  type RunningServer,
} from '../../../haraka-test-harness/name_servers';
import { signZones } from './zones';

/** What is asked of one resolver, and what must come of it. */
interface Scenario {
  readonly name: string;
  readonly through: Through;
  readonly find: (resolver: Resolver) => Promise<string>;
  readonly expected: string;
}

type Through = 'validating' | 'tls' | 'not_validating';

const dane: DestinationOptions = { dane: true, insecureMx: 'dane' };

const scenarios: readonly Scenario[] = [
  destination('secure throughout, usable TLSA', 'good.lab', 'secure MX; mx.lab: secure, 1 TLSA at mx.lab'),
  destination(
    'secure throughout, under NSEC3 and RSA',
    'nsec3.lab',
    'secure MX; mx.nsec3.lab: secure, 1 TLSA at mx.nsec3.lab',
  ),
  destination('TLSA denied by NSEC: no such name', 'nx.lab', 'secure MX; mx-nx.lab: secure, TLSA absent'),
  destination(
    'TLSA denied by NSEC: no such data',
    'nodata.lab',
    'secure MX; mx-nodata.lab: secure, TLSA absent',
  ),
  destination(
    'TLSA denied by NSEC3: no such name',
    'nx.nsec3.lab',
    'secure MX; mx-nx.nsec3.lab: secure, TLSA absent',
  ),
  destination(
    'TLSA denied by NSEC3: no such data',
    'nodata.nsec3.lab',
    'secure MX; mx-nodata.nsec3.lab: secure, TLSA absent',
  ),
  lookup('the denial itself is secure under NSEC', (r) => r.tlsa('_25._tcp.mx-nx.lab'), 'secure nxdomain'),
  lookup(
    'the denial itself is secure under NSEC3',
    (r) => r.tlsa('_25._tcp.mx-nodata.nsec3.lab'),
    'secure nodata',
  ),
  destination(
    'TLSA by a wildcard, NSEC',
    'wild.lab',
    'secure MX; mx-wild.lab: secure, 1 TLSA at mx-wild.lab',
  ),
  destination(
    'TLSA by a wildcard, NSEC3',
    'wild.nsec3.lab',
    'secure MX; mx-wild.nsec3.lab: secure, 1 TLSA at mx-wild.nsec3.lab',
  ),
  destination(
    'insecure delegation',
    'unsigned.lab',
    'insecure MX; mx.unsigned.lab: insecure, TLSA not_asked',
  ),
  destination(
    'secure MX, host in an unsigned zone',
    'mixed.lab',
    'secure MX; mx.unsigned.lab: insecure, TLSA not_asked',
  ),
  destination('bogus MX', 'broken.lab', 'lookup_failed (bogus)'),
  destination('expired signatures', 'expired.lab', 'lookup_failed (bogus)'),
  destination(
    'bogus address',
    'badaddr.lab',
    'secure MX; badaddr.broken.lab: failed (bogus), TLSA not_asked',
  ),
  destination('bogus TLSA', 'badtlsa.lab', 'secure MX; badtlsa.broken.lab: secure, TLSA failed (bogus)'),
  destination(
    'secure CNAME into an insecure zone, TLSA at the alias',
    'alias.lab',
    'secure MX; mx-alias.lab: secure_alias, 1 TLSA at mx-alias.lab',
  ),
  destination(
    'secure CNAME into an insecure zone, no TLSA',
    'bare.lab',
    'secure MX; mx-bare.lab: secure_alias, TLSA absent',
  ),
  destination(
    'secure CNAME, TLSA at the expanded name',
    'expand.lab',
    'secure MX; mx-expand.lab: secure, 1 TLSA at mx.lab',
  ),
  destination(
    'secure CNAME, TLSA at the original name only',
    'original.lab',
    'secure MX; mx-original.lab: secure, 1 TLSA at mx-original.lab',
  ),
  {
    name: 'TLSA RRset too large for UDP comes over TCP',
    through: 'validating',
    find: async (resolver) => {
      const before = resolver.status().traffic.tcp;
      const found = destinationGist(await discoverDestination(resolver, 'big.lab', dane));
      return `${found}; ${resolver.status().traffic.tcp - before} question over TCP`;
    },
    expected: 'secure MX; mx-big.lab: secure, 60 TLSA at mx-big.lab; 1 question over TCP',
  },
  destination(
    'no MX: the domain is the host',
    'implicit.lab',
    'implicit; implicit.lab: secure, 1 TLSA at implicit.lab',
  ),
  destination('null MX', 'null.lab', 'null_mx'),
  destination(
    'two hosts, one with IPv6 only',
    'two.lab',
    'secure MX; mx.lab: secure, 1 TLSA at mx.lab; mx-six.lab: secure, 1 TLSA at mx-six.lab',
  ),
  destination('no such domain', 'absent.lab', 'no_such_domain'),
  lookup('the policy record of MTA-STS', (r) => r.txt('_mta-sts.good.lab'), 'secure v=STSv1; id=1;'),
  { ...probe('the probe of a resolver that validates', 'validates'), through: 'validating' },
  {
    ...destination('over TLS to a named resolver', 'good.lab', 'secure MX; mx.lab: secure, 1 TLSA at mx.lab'),
    through: 'tls',
  },
  {
    ...destination(
      'a resolver that does not validate: signed domain',
      'good.lab',
      'insecure MX; mx.lab: insecure, TLSA not_asked',
    ),
    through: 'not_validating',
  },
  {
    ...destination(
      'a resolver that does not validate: bogus MX',
      'broken.lab',
      'insecure MX; mx.broken.lab: insecure, TLSA not_asked',
    ),
    through: 'not_validating',
  },
  { ...probe('the probe of a resolver that does not validate', 'not_validating'), through: 'not_validating' },
];

function destination(name: string, domain: string, expected: string): Scenario {
  const find = async (resolver: Resolver) =>
    destinationGist(await discoverDestination(resolver, domain, dane));
  return { name, through: 'validating', find, expected };
}

function lookup(
  name: string,
  ask: (resolver: Resolver) => Promise<Answer<unknown>>,
  expected: string,
): Scenario {
  return { name, through: 'validating', find: async (resolver) => answerGist(await ask(resolver)), expected };
}

function probe(name: string, expected: string): Scenario {
  const find = async (resolver: Resolver) => (await resolver.probe()).findings.map(({ kind }) => kind).join();
  return { name, through: 'validating', find, expected };
}

function destinationGist(found: Destination): string {
  switch (found.kind) {
    case 'mx':
      return [`${found.secure ? 'secure' : 'insecure'} MX`, ...found.hosts.map(hostGist)].join('; ');
    case 'implicit':
      return `implicit; ${hostGist(found.host)}`;
    case 'lookup_failed':
      return `lookup_failed (${found.failure.cause})`;
    default:
      return found.kind;
  }
}

function hostGist({ host, addresses, tlsa }: MxHostFacts): string {
  const address = addresses.kind === 'found' ? addresses.security : gist(addresses);
  const records =
    tlsa.kind === 'present' ? `${tlsa.records.length} TLSA at ${tlsa.baseDomain}` : `TLSA ${gist(tlsa)}`;
  return `${host}: ${address}, ${records}`;
}

function gist(facts: { kind: string; cause?: string }): string {
  return facts.cause === undefined ? facts.kind : `${facts.kind} (${facts.cause})`;
}

function answerGist(answer: Answer<unknown>): string {
  if (answer.kind === 'failed') return gist(answer);
  const security = answer.secure ? 'secure' : 'insecure';
  return answer.kind === 'denied'
    ? `${security} ${answer.denial}`
    : `${security} ${answer.records.join(' ')}`;
}

async function main(): Promise<number> {
  const missing = missingPrograms();
  if (missing.length > 0) {
    console.error(
      `\n*** SKIPPED: the DNSSEC scenarios did not run, for ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not installed.`,
    );
    console.error('*** On Debian: apt-get install nsd unbound ldnsutils\n');
    return 0;
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'dnssec-'));
  const servers: RunningServer[] = [];
  const resolvers = new Map<Through, Resolver>();
  try {
    const zones = signZones(directory);
    const nsd = await startNsd(directory, zones);
    servers.push(nsd);
    const ca = await createCa();
    const { certPem, keyPem } = await issue(ca, { dnsNames: ['dns.lab'] });
    const tls = {
      port: await freePort(),
      key: path.join(directory, 'tls.key'),
      cert: path.join(directory, 'tls.pem'),
    };
    writeFileSync(tls.key, keyPem);
    writeFileSync(tls.cert, certPem);
    const validating = await startUnbound(directory, zones, nsd.port, {
      name: 'validating',
      validates: true,
      tls,
    });
    servers.push(validating);
    const plain = await startUnbound(directory, zones, nsd.port, { name: 'plain', validates: false });
    servers.push(plain);

    const local = { address: '127.0.0.1' };
    const options: Partial<ResolverOptions> = { probe: 'lab SOA', connectTls: trusting(ca.certPem) };
    const resolverAt = (server: ResolverOptions['servers'][number]) =>
      createResolver({ ...options, servers: [server] });
    resolvers.set('validating', resolverAt({ transport: 'udp', ...local, port: validating.port }));
    resolvers.set('tls', resolverAt({ transport: 'tls', ...local, port: tls.port, name: 'dns.lab' }));
    resolvers.set('not_validating', resolverAt({ transport: 'udp', ...local, port: plain.port }));

    const failures = await play(resolvers);
    if (failures > 0) for (const server of servers) console.error(server.log());
    return failures === 0 ? 0 : 1;
  } finally {
    for (const resolver of resolvers.values()) resolver.close();
    for (const server of servers.reverse()) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Plays all scenarios and prints the transcript; returns how many went wrong. */
async function play(resolvers: ReadonlyMap<Through, Resolver>): Promise<number> {
  let failures = 0;
  for (const { name, through, find, expected } of scenarios) {
    const resolver = resolvers.get(through);
    const found = resolver === undefined ? 'no resolver' : await find(resolver);
    const passed = found === expected;
    if (!passed) failures++;
    console.log(
      `${passed ? 'ok  ' : 'FAIL'} ${name.padEnd(58)} ${found}${passed ? '' : `\n     expected: ${expected}`}`,
    );
  }
  console.log(
    `\n${scenarios.length - failures} of ${scenarios.length} scenarios passed, with NSD and unbound`,
  );
  return failures;
}

process.exitCode = await main();
