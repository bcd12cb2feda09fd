/** Between Haraka's entries of an answer to `get_mx` and what is decided about them. */
import { isIP } from 'node:net';
import type { AnsweredEntry } from '../discovery/discover_answer';
import { plainAddress, unmapped } from '../peers/network';
import type { OutboundRule } from '../peers/rule';
import { asksPolicy } from '../policy/asks';
import type { AnswerFacts } from '../policy/decide_answer';
import type { MxAnswer } from '../policy/mx_answer';
import type { Decision } from '../policy/requirement';
import { printable } from '../text';
import type { HarakaMx } from './haraka';
import { hostOf, isSocket, portOf } from './mx_entry';

/** Copies, in which addresses have the one form by which they are known for what they are. */
export function plainEntries(entries: readonly HarakaMx[]): HarakaMx[] {
  return entries.map((entry) => {
    const copy = Object.assign(Object.create(Object.getPrototypeOf(entry) as object) as HarakaMx, entry);
    if (typeof copy.exchange === 'string') copy.exchange = plainAddress(copy.exchange);
    return copy;
  });
}

/** Haraka has found addresses: one that is mapped must not pass by what Haraka knows of the address within it. */
export function unmapAddress(entry: HarakaMx): void {
  const { exchange } = entry;
  if (typeof exchange === 'string' && exchange !== unmapped(exchange)) entry.exchange = unmapped(exchange);
}

/**
 * What Haraka may look for addresses of. It bounces a null MX, whoever says so; and to what has neither a host nor a path it
 * would connect on this machine.
 */
export function toFollow(entries: readonly HarakaMx[], decision: Decision): HarakaMx[] {
  if (decision.kind !== 'deliver') return [];
  const hosts = entries.filter((entry) => isSocket(entry) || (entry.exchange ?? '') !== '');
  const [only, ...more] = entries;
  if (hosts.length > 0 || only === undefined || more.length > 0) return hosts;
  const isNullMx = only.exchange === '' && only.priority === 0;
  return isNullMx && decision.hosts.some(({ host }) => host === '') ? [only] : [];
}

/** The hosts of an answer. Sockets are local: no rule applies to them. */
export function answerOf(
  by: string | undefined,
  domain: string,
  entries: readonly HarakaMx[],
): MxAnswer<AnsweredEntry & { readonly entry: HarakaMx }> {
  const hosts = entries
    .filter((entry) => !isSocket(entry))
    .map((entry) => ({ ...read(entry, domain), entry }));
  return { by, hosts };
}

function read(entry: HarakaMx, domain: string): AnsweredEntry {
  const { exchange = '' } = entry;
  // A plugin may have written anything.
  const found: unknown = entry.from_dns;
  // Where there is a name, Haraka finds its addresses, and writes it to `from_dns`, over whatever stands there.
  const name = hostOf(isIP(exchange) === 0 ? { exchange } : entry);
  // Whatever else counts as true says that it came from DNS, and nothing about the host.
  const fromDns = typeof found === 'string' ? found || undefined : found ? domain : undefined;
  return { exchange, fromDns, name, port: portOf(entry) };
}

/** Gives entries with an address the name of the MX host that it belongs to, by which their plan is found. */
export function nameOwnHosts(facts: AnswerFacts, answer: ReturnType<typeof answerOf>): void {
  facts.hosts.forEach(({ standing }, at) => {
    const entry = answer.hosts[at]?.entry;
    if (entry === undefined || standing.kind !== 'own_mx' || isIP(entry.exchange ?? '') === 0) return;
    entry.from_dns = standing.host;
  });
}

/** Routes that were named in the log, so that each is named once. */
const named = new Set<string>();
const mostNamed = 1_000;

/**
 * What an operator should know once of each route at a level that asks for MTA-STS: that no policy applies there.
 *
 * @returns lines for the log
 */
export function newRoutes(rule: OutboundRule, { by, domain, hosts }: AnswerFacts): string[] {
  if (!asksPolicy(rule.level)) return [];
  return hosts.flatMap(({ standing, facts }) => {
    const route = `${by ?? ''} ${facts.host}:${facts.port}`;
    if (standing.kind !== 'route' || named.has(route) || named.size >= mostNamed) return [];
    named.add(route);
    return [
      printable(
        `mail goes to ${facts.host}, a route of ${by === undefined ? 'a plugin' : `the plugin ${by}`}, whatever MTA-STS policies say: a route has none ` +
          `(first seen for ${domain}, rule ${rule.name}; not said again)`,
      ),
    ];
  });
}
