/** Which hosts a message may be tried at: the answer of `get_mx`, and what was decided about it. */
import { discover, discoverRouted, type Sources } from '../discovery/discover';
import { within, type Limit } from '../deadline';
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';
import { decide, type Facts } from '../policy/decide';
import type { Decision } from '../policy/requirement';
import { messageOf, printable } from '../text';
import { domainOf } from './address';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { deferFor } from './giving_up';
import { hookAnswer, type HarakaMx } from './haraka';
import { entriesOf, hostOf, isSocket, portOf } from './mx_entry';

/** The answer of the `get_mx` hook: the hosts that may be tried, or none. Never rejects. */
export async function offerHosts(delivery: Delivery): Promise<readonly HarakaMx[]> {
  const { attempt, hmail } = delivery;
  attempt.phase = { kind: 'deciding' };
  const decision = await decideFor(delivery, attempt, (sources, rule, limit) =>
    discover(sources, rule, hmail.todo.domain, limit),
  );
  const list = decision.kind === 'deliver' ? decision.hosts.flatMap(entriesOf) : [];
  // Haraka may have lost patience meanwhile; the attempt is then no longer ours to decide.
  if (!isDeciding(attempt)) return [];
  attempt.phase = { kind: 'decided', decision, source: 'mx' };
  attempt.offered = list;
  return list;
}

/**
 * Takes the answer of the `get_mx` hooks. Our own list is followed; another plugin's hosts are a route, to be decided
 * before any of them is tried. No answer at all must not become Haraka's own look-up, which knows no rule.
 */
export function takeAnswer(delivery: Delivery, retval: number | undefined, mx: unknown): unknown {
  const { attempt, original } = delivery;
  attempt.queue = 'unread';
  if (retval === hookAnswer.ok) {
    if (mx === attempt.offered) return original.get_mx_respond(retval, mx);
    attempt.phase = { kind: 'routed' };
    return followRoute(delivery, attempt, mx);
  }
  if (attempt.phase.kind === 'deciding') {
    const failure: Failure = {
      reason: 'internal-error',
      text: 'the decision took longer than the plugin timeout',
    };
    attempt.phase = { kind: 'decided', decision: { kind: 'defer', failure }, source: 'mx' };
    return original.get_mx_respond(hookAnswer.ok, []);
  }
  if (retval === hookAnswer.deny || retval === hookAnswer.denysoft) {
    return original.get_mx_respond(retval, mx);
  }
  return offerHosts(delivery).then((list) => original.get_mx_respond(hookAnswer.ok, list));
}

/** What is no route at all makes Haraka throw, which would end the process. */
async function followRoute(delivery: Delivery, attempt: Attempt, mx: unknown): Promise<void> {
  try {
    await delivery.original.get_mx_respond(hookAnswer.ok, mx);
  } catch (error) {
    const text = `a plugin answered get_mx with a route that cannot be read: ${printable(messageOf(error))}`;
    delivery.hmail.logerror(`tls-peers: ${text}`);
    deferFor(delivery, attempt, { reason: 'config-invalid', text });
  }
}

/** Through Haraka's own hands, which give each entry what it needs on the wire. */
export async function offerAnew(delivery: Delivery, attempt: Attempt): Promise<void> {
  const list = await offerHosts(delivery);
  if (delivery.attempt !== attempt) return;
  attempt.queue = 'unread';
  await delivery.original.get_mx_respond(hookAnswer.ok, list);
}

export async function decideRoute(delivery: Delivery, attempt: Attempt): Promise<void> {
  const { hmail } = delivery;
  const { domain } = hmail.todo;
  const hosts = hmail.mxlist
    .filter((mx) => !isSocket(mx))
    .map((mx) => ({ host: hostOf(mx), preference: 0, port: portOf(mx) }));
  const route = [...new Map(hosts.map((one) => [`${one.host} ${one.port}`, one])).values()];
  const decision = await decideFor(delivery, attempt, (sources, rule, limit) =>
    discoverRouted(sources, rule, domain, route, limit),
  );
  attempt.phase = { kind: 'decided', decision, source: 'route' };
}

/** Rule, facts, decision. Whatever goes wrong in between keeps the message, with the reason. */
async function decideFor(
  { hmail, environment }: Delivery,
  attempt: Attempt,
  gather: (sources: Sources, rule: OutboundRule, limit: Limit) => Promise<Facts>,
): Promise<Decision> {
  try {
    const options = environment.options();
    const { mail_from, domain } = hmail.todo;
    const found = options.findRule(domainOf(mail_from), domain);
    if (found.kind === 'invalid') return { kind: 'defer', failure: found.failure };
    const { rule } = found;
    attempt.rule = rule;
    const facts = await within(options.limits.decision, `the decision for ${printable(domain)}`, (limit) =>
      gather(options.sources, rule, limit),
    );
    attempt.policy = facts.sts;
    const decision = decide(rule, facts);
    attempt.note(hmail, decision);
    return decision;
  } catch (error) {
    const text = `the decision for this message broke: ${printable(messageOf(error))}`;
    hmail.logerror(`tls-peers: ${text}`);
    return { kind: 'defer', failure: { reason: 'internal-error', text } };
  }
}

function isDeciding(attempt: Attempt): boolean {
  return attempt.phase.kind === 'deciding';
}
