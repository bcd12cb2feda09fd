/** What a new session is to the policies of its peer, for the TLS report that the peer gets. A session that is used again counts once. */
import { canonicalDomain } from '../names';
import { tagOf } from '../peers/sender_tag';
import { asksDane } from '../policy/asks';
import type { RefusedHost, Requirement } from '../policy/requirement';
import { checkSession, type SessionVerdict } from '../policy/session';
import { isBogus, judgedPolicies, type HostContext, type Judged } from '../tlsrpt/judged';
import {
  policyResults,
  type CountedResult,
  type Met,
  type PolicyResult,
  type SessionDetails,
} from '../tlsrpt/session';
import type { FailureReason } from '../failure';
import type { Reply } from '../smtp/reply';
import type { Outcome, StateName } from '../smtp/session';
import { messageOf, printable } from '../text';
import type { TlsSession } from '../tls/session';
import { domainOf } from './address';
import type { Attempt } from './attempt';
import type { Delivery } from './delivery';
import { foundHost } from './found_host';
import { daneIn } from './host_seen';
import type { HostTry } from './host_try';
import { isReport } from './report_mail';

/** Watches one new session. */
export class SessionCount {
  #met: Met | 'nothing' = 'nothing';
  #startTlsCode = '';
  #helo = '';
  #wasOffered = false;

  readonly #delivery: Delivery;
  readonly #attempt: Attempt;
  readonly #tried: HostTry;
  readonly #told: Told;
  readonly #judged: readonly Judged[];
  /** The address that we connected from. */
  readonly #sendingIp: string;

  private constructor(
    delivery: Delivery,
    attempt: Attempt,
    tried: HostTry,
    of: { readonly told: Told; readonly judged: readonly Judged[]; readonly sendingIp: string },
  ) {
    this.#delivery = delivery;
    this.#attempt = attempt;
    this.#tried = tried;
    this.#told = of.told;
    this.#judged = of.judged;
    this.#sendingIp = of.sendingIp;
  }

  /** `none` where the peer is not to be told, or nothing is asked of TLS. */
  static of(delivery: Delivery, attempt: Attempt, tried: HostTry, sendingIp: string): SessionCount | 'none' {
    const { plan, tls } = tried;
    if (plan.requirement.kind === 'cleartext' || tls.kind === 'without') return 'none';
    try {
      const told = toldOf(delivery, attempt, plan.host);
      if (told === 'nobody') return 'none';
      const judged = withoutOurFault(judgedPolicies(told.context), plan.recorded);
      return judged.length === 0
        ? 'none'
        : new SessionCount(delivery, attempt, tried, { told, judged, sendingIp });
    } catch (error) {
      // not covered: a second line of defence.
      complain(delivery, error);
      return 'none';
    }
  }

  received({ code, lines }: Reply, during: StateName): void {
    if (during === 'starttls') this.#startTlsCode = code;
    if (during === 'greeting' || (during === 'hello' && code.startsWith('2'))) {
      const [name = ''] = (lines[0] ?? '').split(/[ \t]/);
      if (name !== '') this.#helo = printable(name, 255);
    }
  }

  missingStartTls(): void {
    this.#met = { kind: 'not_offered', wanted: 'if_offered' };
  }

  /** To be called while the chain can be read. */
  secured(session: TlsSession, verdict: SessionVerdict): void {
    this.#wasOffered = true;
    this.#met = isAboutAll(verdict)
      ? { kind: 'failed', reason: verdict.failure.reason }
      : { kind: 'tls', verdicts: this.#judged.map((one) => this.#verdictFor(one, session, verdict)) };
  }

  conclude(outcome: Outcome): void {
    try {
      if (outcome.kind === 'next_host') this.#note(outcome.fault);
      if (outcome.kind === 'own_fault' || this.#met === 'nothing') return;
      const results = policyResults(this.#judged, this.#met);
      const { plan, mx } = this.#tried;
      count(this.#delivery, this.#told, results, {
        mxHost: plan.host,
        receivingIp: mx.exchange ?? '',
        sendingIp: this.#sendingIp,
        helo: this.#helo,
      });
    } catch (error) {
      // not covered: a second line of defence.
      complain(this.#delivery, error);
    }
  }

  #note(fault: Extract<Outcome, { kind: 'next_host' }>['fault']): void {
    switch (fault.kind) {
      case 'starttls_missing':
        this.#met = { kind: 'not_offered', wanted: 'required' };
        return;
      case 'tls': {
        if (fault.at === 'session') return;
        // Its verdict on each policy is in.
        if (fault.at === 'verification' && this.#met !== 'nothing' && this.#hasFailed()) return;
        const wasRefused = !this.#wasOffered && this.#startTlsCode !== '' && this.#startTlsCode !== '220';
        const reason = wasRefused ? 'starttls-not-supported' : fault.failure.reason;
        // What was verified is not undone by what the fallback would have allowed.
        if (!this.#hasFailed()) this.#met = { kind: 'failed', reason };
        return;
      }
      // Mail that asks for it is not counted.
      case 'requiretls_missing':
      case 'lost':
    }
  }

  #hasFailed(): boolean {
    if (this.#met === 'nothing') return false;
    return this.#met.kind === 'tls' ? this.#met.verdicts.some((one) => one !== 'pass') : true;
  }

  #verdictFor({ policy }: Judged, session: TlsSession, verdict: SessionVerdict): 'pass' | FailureReason {
    if (verdict.kind === 'met' && verdict.recorded.length === 0) return 'pass';
    const asked = requirementOf(policy.type, this.#tried, this.#attempt);
    if (asked === undefined) return verdict.kind === 'met' ? 'pass' : verdict.failure.reason;
    const now = this.#delivery.environment.options().now();
    const own = checkSession(asked, session, now);
    return own.kind === 'met' ? 'pass' : own.failure.reason;
  }
}

/** No host was left: what is known of those that were not even connected to. */
export function countRefused(delivery: Delivery, attempt: Attempt): void {
  try {
    const { phase } = attempt;
    if (phase.kind !== 'decided') return;
    const { decision } = phase;
    if (decision.kind === 'deliver') {
      for (const refused of decision.refused) countOne(delivery, attempt, refused);
    } else if (decision.kind === 'defer') countBogusMx(delivery, attempt);
  } catch (error) {
    // not covered: a second line of defence.
    complain(delivery, error);
  }
}

function countOne(delivery: Delivery, attempt: Attempt, { host, failure }: RefusedHost): void {
  const told = toldOf(delivery, attempt, host);
  if (told === 'nobody') return;
  const judged = withoutOurFault(judgedPolicies(told.context), [failure]);
  count(delivery, told, policyResults(judged, { kind: 'refused' }), { ...nothing, mxHost: host });
}

/** A peer whose MX records cannot be trusted has no host that could be named. */
function countBogusMx(delivery: Delivery, attempt: Attempt): void {
  const { rule, facts } = attempt;
  if (rule === 'unknown' || facts === 'unknown' || !('destination' in facts) || !asksDane(rule.level)) return;
  const { destination } = facts;
  if (destination.kind !== 'lookup_failed' || !isBogus(destination.failure)) return;
  const domain = canonicalDomain(destination.domain);
  if (domain === undefined || !mayTell(delivery, attempt)) return;
  const policy = { type: 'tlsa', domain, text: [] } as const;
  const result = { type: 'dnssec-invalid', code: '' } as const;
  count(delivery, { domain, mode: modeOf(attempt) }, [{ policy, result }], nothing);
}

const nothing: SessionDetails = { mxHost: '', receivingIp: '', sendingIp: '', helo: '' };

/** Who is to be told of a host, and what the rule has looked at. */
interface Told extends Pick<CountedResult, 'domain' | 'mode'> {
  readonly context: HostContext;
}

function toldOf(delivery: Delivery, attempt: Attempt, host: string): Told | 'nobody' {
  const { rule } = attempt;
  if (rule === 'unknown' || !mayTell(delivery, attempt)) return 'nobody';
  const context = contextOf(attempt, host);
  if (context === undefined) return 'nobody';
  // The operator sends mail of many domains to a route: the host is who can do something about it.
  const domain = canonicalDomain(context.destination.kind === 'route' ? host : context.destination.domain);
  return domain === undefined ? 'nobody' : { domain, mode: modeOf(attempt), context };
}

/**
 * The null sender is nobody of ours: bounces go wherever a forger likes. And a report tells a domain how what it publishes
 * fares, which is neither what the sender of one message asks for beside it, nor what is left of it where a sender sets it aside.
 */
function mayTell({ hmail, environment }: Delivery, { rule }: Attempt): boolean {
  return (
    environment.sessions() !== 'uncounted' &&
    rule !== 'unknown' &&
    rule.tlsReports !== 'off' &&
    domainOf(hmail.todo.mail_from) !== '' &&
    tagOf(hmail.todo.notes) === 'untagged' &&
    !isReport(hmail.todo)
  );
}

function modeOf({ rule }: Attempt): CountedResult['mode'] {
  return rule !== 'unknown' && rule.tlsReports === 'failures_only' ? 'failures_only' : 'on';
}

function contextOf({ rule, facts }: Attempt, name: string): HostContext | undefined {
  const found = foundHost(facts, name);
  if (rule === 'unknown' || found?.host === undefined) return undefined;
  const { destination, host, sts } = found;
  return { rule, destination, host, sts };
}

/** While no resolver of ours validates, nobody can say of a peer that it has no DANE. */
function withoutOurFault(
  judged: readonly Judged[],
  failures: readonly { readonly fault?: 'ours' }[],
): readonly Judged[] {
  return failures.some(({ fault }) => fault === 'ours')
    ? judged.filter(({ known }) => known !== 'dane-required')
    : judged;
}

/** The version and the cipher are the same to every policy. */
function isAboutAll(verdict: SessionVerdict): verdict is Extract<SessionVerdict, { kind: 'failed' }> {
  if (verdict.kind === 'met') return false;
  const { reason } = verdict.failure;
  return reason === 'tls-version-too-low' || reason === 'tls-handshake-failed';
}

/** What one policy by itself asks of a session. */
function requirementOf(
  type: PolicyResult['policy']['type'],
  { plan }: HostTry,
  { rule }: Attempt,
): Extract<Requirement, { kind: 'encrypted' }> | undefined {
  const rest = { kind: 'encrypted', serverName: plan.host, observe: undefined } as const;
  const dane = type === 'tlsa' ? daneIn(plan.requirement) : undefined;
  if (dane !== undefined)
    return { ...rest, minVersion: 'TLSv1', authentication: { kind: 'dane', dane }, because: 'dane' };
  if (type !== 'sts' || rule === 'unknown') return undefined;
  const pkix = { names: [plan.host], subdomains: [], extraRoots: rule.extraRoots };
  return { ...rest, minVersion: 'TLSv1.2', authentication: { kind: 'pkix', pkix }, because: 'sts-enforce' };
}

function count(
  { environment }: Delivery,
  { domain, mode }: Pick<CountedResult, 'domain' | 'mode'>,
  results: readonly PolicyResult[],
  details: SessionDetails,
): void {
  const counter = environment.sessions();
  if (counter === 'uncounted' || results.length === 0) return;
  counter.count(results.map((one) => ({ ...one, domain, mode, details })));
}

function complain({ hmail }: Delivery, error: unknown): void {
  hmail.logwarn(`tls-peers: a session could not be counted for a TLS report: ${printable(messageOf(error))}`);
}
