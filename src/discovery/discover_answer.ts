/** Gathers what a decision needs about hosts that a plugin answered to `get_mx`. Decides nothing. */
import { withDeadline } from '../deadline';
import { addressFacts, discoverDestination, discoverRouteHost } from '../dns/destination';
import { maxMxHosts } from '../dns/order';
import type { AskOptions, Resolver } from '../dns/resolver';
import type { Answer, FailedLookup, MxRecord } from '../dns/types';
import { readMailDomain, type MailDomain } from '../mail_domain';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { asksDane, asksPolicy } from '../policy/asks';
import { countsBehindInsecureMx, daneEntry, leavesToPolicy } from '../policy/dane';
import { asDestination, mxSecurity, type AnsweredHostFacts, type AnswerFacts } from '../policy/decide_answer';
import {
  classified,
  isRoute,
  needsAddresses,
  type AnsweredHost,
  type MxAnswer,
  type OwnHost,
  type OwnMx,
  type Standing,
} from '../policy/mx_answer';
import { standingTable } from '../policy/tables';
import { Asking, notAsked, type Waiting } from './asking';
import type { Sources } from './discover';

/** A host with what a connection to it will be known by. */
export interface AnsweredEntry extends AnsweredHost {
  /** The name, or the address where there is no other, by which Haraka's entry is known once addresses are found. */
  readonly name: string;
  readonly port: number;
}

/** ms for our own look-up at a level that does not rest on it, and takes the host also where it fails. */
const patienceMs = 5_000;

/** What a plugin answered about a domain. */
export interface AnsweredDomain {
  readonly domain: string;
  readonly answer: MxAnswer<AnsweredEntry>;
  /** Hosts and plugins that `[outbound] routes[]` lists. */
  readonly routes: readonly string[];
}

/** The facts about the hosts of an answer. Where all of them are routes, nothing is asked about the domain. Never rejects. */
export async function discoverAnswer(
  { resolver, policies }: Sources,
  rule: OutboundRule,
  { domain, answer, routes }: AnsweredDomain,
  waiting: Waiting,
): Promise<AnswerFacts> {
  const asking = new Asking(rule, waiting);
  const others = answer.hosts.filter((host) => !isRoute(host, answer.by, routes));
  const written = readMailDomain(domain);
  const policy =
    others.length > 0 && written.kind === 'name' && asksPolicy(rule.level)
      ? policies.get(written.name, asking)
      : Promise.resolve(notAsked);
  // Where nobody waits for it, a rejection must not end the process.
  policy.catch(() => undefined);
  const own =
    others.length > 0
      ? await patiently(rule, asking, (ask) => lookUp(resolver, written, others, ask))
      : known([], 'insecure', domain);
  const name = written.kind === 'name' ? written.name : '';
  const hosts = await Promise.all(
    classified(answer, name, own, routes).map(async ({ host, standing }): Promise<AnsweredHostFacts> => {
      const { insecureMx, signal } = asking;
      const dane = mayHaveDane(rule, standing, own);
      const place = {
        host: standing.kind === 'own_mx' ? standing.host : host.name,
        preference: 0,
        port: host.port,
      };
      return { standing, facts: await discoverRouteHost(resolver, place, { dane, insecureMx, signal }) };
    }),
  );
  const forged = hosts.some(({ standing }) => standing.kind === 'forged');
  // Whether DANE protects the real hosts decides about one that is none of them.
  const real: AnswerFacts['real'] =
    forged && asking.dane ? await discoverDestination(resolver, domain, asking) : 'not_asked';
  const gathered = { domain, by: answer.by, hosts, own, real };
  const sts: StsFacts = consultsPolicy(rule, gathered) ? await policy : notAsked;
  return { ...gathered, sts };
}

async function patiently(
  rule: OutboundRule,
  asking: Asking,
  look: (ask: AskOptions) => Promise<OwnMx>,
): Promise<OwnMx> {
  if (asksDane(rule.level) || asksPolicy(rule.level)) return look(asking);
  return withDeadline(patienceMs, asking.signal, (signal) => look({ signal }));
}

async function lookUp(
  resolver: Resolver,
  written: MailDomain,
  answered: readonly AnsweredHost[],
  ask: AskOptions,
): Promise<OwnMx> {
  if (written.kind === 'no_domain') return known([], 'insecure', '');
  if (written.kind === 'literal') {
    const { address } = written;
    return known([{ host: address, addresses: [address] }], 'insecure', address);
  }
  const { name } = written;
  const found = await resolver.mx(name, ask);
  if (found.kind === 'failed') return found;
  if (found.kind === 'denied' && found.denial === 'nxdomain') return known([], 'insecure', name);
  // No MX RRset: the domain itself is the host, and what its address is worth is all that counts.
  const own =
    found.kind === 'denied'
      ? known([{ host: name, addresses: [] }], 'secure', name)
      : known(hostsOf(found.records), found.secure ? 'secure' : 'insecure', found.canonicalName);
  return answered.some((host) => needsAddresses(host, name, own)) ? withAddresses(resolver, own, ask) : own;
}

type KnownMx = Extract<OwnMx, { kind: 'known' }>;

function known(hosts: readonly OwnHost[], security: KnownMx['security'], canonicalName: string): KnownMx {
  return { kind: 'known', hosts, security, canonicalName, missing: undefined };
}

/** All of them, however many, in order of preference; a null MX counts where there is nothing else (RFC 7505 section 3). */
function hostsOf(records: readonly MxRecord[]): OwnHost[] {
  const named = records.filter(({ exchange }) => exchange !== '');
  const all = (named.length > 0 ? [...named] : [...records]).sort((a, b) => a.preference - b.preference);
  return [...new Set(all.map(({ exchange }) => exchange))].map((host) => ({ host, addresses: [] }));
}

/** Of no more hosts than are ever tried. */
async function withAddresses(resolver: Resolver, own: KnownMx, ask: AskOptions): Promise<KnownMx> {
  const hosts = await Promise.all(
    own.hosts.slice(0, maxMxHosts).map(async ({ host }) => {
      const [ipv6, ipv4] = await Promise.all([resolver.aaaa(host, ask), resolver.a(host, ask)]);
      return { host, found: addressFacts(host, ipv6, ipv4), failed: [ipv6, ipv4].find(isFailed) };
    }),
  );
  return {
    ...own,
    hosts: [
      ...hosts.map(({ host, found }) => ({
        host,
        addresses: found.kind === 'found' ? found.addresses : [],
      })),
      ...own.hosts.slice(maxMxHosts),
    ],
    // An address of a host that did not answer cannot be told from a forged one.
    missing: hosts.find(({ failed }) => failed !== undefined)?.failed,
  };
}

function isFailed(answer: Answer<string>): answer is FailedLookup {
  return answer.kind === 'failed';
}

/** TLSA records are not asked for where none would count. */
function mayHaveDane({ level, insecureMx }: OutboundRule, standing: Standing, own: OwnMx): boolean {
  if (!asksDane(level)) return false;
  if (mxSecurity(standing, own) === 'secure') return true;
  return standing.kind !== 'unknown' && countsBehindInsecureMx(level, insecureMx);
}

/** As for MX: under `auto`, hosts of a secure MX with usable TLSA records do without. */
function consultsPolicy({ level, insecureMx }: OutboundRule, facts: Omit<AnswerFacts, 'sts'>): boolean {
  if (!asksPolicy(level)) return false;
  return facts.hosts.some((host) => {
    const { policy, refused } = standingTable[host.standing.kind];
    if (policy === 'none' || refused === 'where_asked') return false;
    if (!asksDane(level) || mxSecurity(host.standing, facts.own) !== 'secure') return true;
    return leavesToPolicy(daneEntry(level, insecureMx, asDestination(facts, host), host.facts));
  });
}
