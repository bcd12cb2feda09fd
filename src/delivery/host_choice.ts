/** Which hosts a message may be tried at: the answer of `get_mx`, and what was decided about it. */
import { discover } from '../discovery/discover';
import { discoverAnswer } from '../discovery/discover_answer';
import { within, type Limit } from '../deadline';
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';
import { decide } from '../policy/decide';
import { decideAnswer } from '../policy/decide_answer';
import { withOwnFault } from '../policy/own_fault';
import { askingUnder, ruleUnder } from '../policy/require_tls';
import { heldToSender } from '../policy/require_tls_hosts';
import type { Decision } from '../policy/requirement';
import { messageOf, printable } from '../text';
import { domainOf } from './address';
import type { Attempt, Source } from './attempt';
import type { Delivery, DeliveryOptions } from './delivery';
import { deferFor } from './giving_up';
import { hookAnswer, type HarakaMx } from './haraka';
import { answerOf, nameOwnHosts, newRoutes, plainEntries, toFollow } from './mx_answer';
import { entriesOf } from './mx_entry';
import { isReport, ruleForReport } from './report_mail';
import { treatmentFor } from './require_tls';

/** The answer of the `get_mx` hook: the hosts that may be tried, or none. Never rejects. */
export async function offerHosts(delivery: Delivery): Promise<readonly HarakaMx[]> {
  const { attempt, hmail } = delivery;
  attempt.phase = { kind: 'deciding' };
  const decision = await decideFor(delivery, attempt, async ({ sources }, rule, limit) => {
    const asking = askingUnder(attempt.treatment, rule);
    const facts = await discover(sources, asking, hmail.todo.domain, limit);
    return { decision: decide(rule, facts), facts };
  });
  const list = decision.kind === 'deliver' ? decision.hosts.flatMap(entriesOf) : [];
  // Haraka may have lost patience meanwhile; the attempt is then no longer ours to decide.
  if (!isDeciding(attempt)) return [];
  attempt.phase = { kind: 'decided', decision, source: byMx };
  attempt.offered = list;
  return list;
}

/**
 * Takes the answer of the `get_mx` hooks. Our own list is followed; another plugin's hosts are to be decided before any
 * of them is tried. No answer at all must not become Haraka's own look-up, which knows no rule.
 */
export function takeAnswer(delivery: Delivery, retval: number | undefined, mx: unknown): unknown {
  const { attempt, original } = delivery;
  if (retval === hookAnswer.ok) {
    if (mx === attempt.offered) return original.get_mx_respond(retval, mx);
    attempt.phase = { kind: 'answered', by: delivery.answerer() };
    return readAnswer(delivery, attempt, mx);
  }
  if (attempt.phase.kind === 'deciding') {
    const failure: Failure = {
      reason: 'internal-error',
      text: 'the decision took longer than the plugin timeout',
    };
    attempt.phase = { kind: 'decided', decision: { kind: 'defer', failure }, source: byMx };
    return original.get_mx_respond(hookAnswer.ok, []);
  }
  if (retval === hookAnswer.deny || retval === hookAnswer.denysoft) {
    return original.get_mx_respond(retval, mx);
  }
  return offerHosts(delivery).then((list) => original.get_mx_respond(hookAnswer.ok, list));
}

/** What is no answer at all makes Haraka throw, which would end the process. */
async function readAnswer(delivery: Delivery, attempt: Attempt, mx: unknown): Promise<void> {
  try {
    await delivery.original.get_mx_respond(hookAnswer.ok, mx);
  } catch (error) {
    const plugin = delivery.answerer();
    const text = `${plugin === undefined ? 'a plugin' : `the plugin ${plugin}`} answered get_mx with a route that cannot be read: ${printable(messageOf(error))}`;
    delivery.hmail.logerror(`tls-peers: ${text}`);
    deferFor(delivery, attempt, { reason: 'config-invalid', text });
  }
}

/** The hosts of an answer, as Haraka has read them; it finds their addresses, and begins to try them. */
export function takeHosts(delivery: Delivery, mxs: HarakaMx[]): unknown {
  const { attempt, original } = delivery;
  const { phase } = attempt;
  attempt.queue = 'unread';
  if (phase.kind !== 'answered') return original.found_mx(mxs);
  return followAnswer(delivery, attempt, { kind: 'plugin', by: phase.by, entries: plainEntries(mxs) });
}

async function followAnswer(
  delivery: Delivery,
  attempt: Attempt,
  source: Extract<Source, { kind: 'plugin' }>,
): Promise<void> {
  const { hmail, original } = delivery;
  const { domain } = hmail.todo;
  const entries = plainEntries(source.entries);
  const answer = answerOf(source.by, domain, entries);
  const decision = await decideFor(delivery, attempt, async ({ sources, routes }, rule, limit) => {
    const asking = askingUnder(attempt.treatment, rule);
    const facts = await discoverAnswer(sources, asking, { domain, answer, routes }, limit);
    nameOwnHosts(facts, answer);
    for (const line of newRoutes(rule, facts)) hmail.lognotice(`tls-peers: ${line}`);
    return { decision: decideAnswer(rule, facts), facts };
  });
  attempt.phase = { kind: 'decided', decision, source };
  attempt.queue = 'unread';
  const kept = toFollow(entries, decision);
  if (kept.length > 0) {
    await original.found_mx(kept);
  } else {
    hmail.mxlist = [];
    // The guard's own: it finds that there is none.
    await hmail.try_deliver();
  }
}

/** Decides once more. Haraka gives each entry what it needs on the wire. */
export async function decideAnew(delivery: Delivery, attempt: Attempt): Promise<void> {
  const { phase } = attempt;
  if (phase.kind === 'decided' && phase.source.kind === 'plugin') {
    await followAnswer(delivery, attempt, phase.source);
    return;
  }
  const list = await offerHosts(delivery);
  if (delivery.attempt === attempt) await delivery.original.get_mx_respond(hookAnswer.ok, list);
}

/** Rule, facts, decision. Whatever goes wrong in between keeps the message, with the reason. */
async function decideFor(
  { hmail, environment }: Delivery,
  attempt: Attempt,
  gather: (options: DeliveryOptions, rule: OutboundRule, limit: Limit) => Promise<Decided>,
): Promise<Decision> {
  try {
    const options = environment.options();
    const { mail_from, domain } = hmail.todo;
    const found = options.findRule(domainOf(mail_from), domain);
    if (found.kind === 'invalid') return { kind: 'defer', failure: found.failure };
    const treatment = treatmentFor(hmail.todo, found.rule);
    attempt.treatment = treatment;
    const rule = isReport(hmail.todo) ? ruleForReport(found.rule) : ruleUnder(treatment, found.rule);
    attempt.rule = rule;
    const made = await within(options.limits.decision, `the decision for ${printable(domain)}`, (limit) =>
      gather(options, rule, limit),
    );
    attempt.policy = made.facts.sts;
    attempt.facts = made.facts;
    const { probe: probed } = options.sources.resolver.status();
    const byRule = withOwnFault(made.decision, probed);
    const decision = heldToSender(byRule, treatment, { rule, facts: made.facts, probed });
    attempt.note(hmail, decision);
    return decision;
  } catch (error) {
    const text = `the decision for this message broke: ${printable(messageOf(error))}`;
    hmail.logerror(`tls-peers: ${text}`);
    return { kind: 'defer', failure: { reason: 'internal-error', text } };
  }
}

const byMx: Source = { kind: 'mx' };

/** A decision, and what it was made from. */
interface Decided {
  readonly decision: Decision;
  readonly facts: Exclude<Attempt['facts'], 'unknown'>;
}

function isDeciding(attempt: Attempt): boolean {
  return attempt.phase.kind === 'deciding';
}
