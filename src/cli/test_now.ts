/** Everything that a delivery would do, up to and not including MAIL FROM: what `test` and the page do. */
import type { StsFacts } from '../mta_sts/types';
import type { SecurityLevel } from '../peers/rule';
import { outboundNotLoaded } from '../settings/checks/not_loaded';
import { ehloName } from '../settings/haraka/ehlo_name';
import { harakaTls } from '../settings/haraka/outbound_tls';
import { loadSettings } from '../settings/load/load';
import { formatFault } from '../settings/schema/fault';
import { remarksAt, type Place } from './explain_now';
import { handshakeRemarks } from './haraka_terms';
import { HostChecks, type Attempt } from './host_checks';
import { everySender, senderGroups, type RuledSender, type SenderGroup } from './sender_groups';
import { openSources } from './sources';
import { problemsOf, type Problem } from './unsent';

/** What would become of mail to one domain under one rule. */
export interface Report {
  readonly domain: string;
  readonly senders: readonly RuledSender[];
  readonly level: SecurityLevel | '';
  /** Whether a message would go. */
  readonly goes: boolean;
  /** Why nothing was tried, or why not at all hosts. */
  readonly problems: readonly Problem[];
  /** What is known of the domain's policy, and what kept it from being had. */
  readonly sts: StsFacts;
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
  /** Why Haraka would do otherwise. */
  readonly warnings: readonly string[];
  /** In the order in which a delivery would try them. */
  readonly attempts: readonly Attempt[];
}

export interface Testing {
  /**
   * One report for each rule that differs.
   *
   * @param senders domains, empty for the null sender; absent for every managed domain, and mail of none
   */
  test(domain: string, senders?: readonly string[]): Promise<Report[]>;
  close(): Promise<void>;
}

/** The files are read once, and DNS is asked once for what several tests need. @param progress told what takes long */
export function openTesting(place: Place, progress: (line: string) => void): Testing {
  const { directory, source, today } = place;
  const { settings } = loadSettings(source);
  const haraka = harakaTls(source);
  const surroundings = {
    haraka: handshakeRemarks(haraka),
    warnings: [...outboundNotLoaded({ source, settings, today }).map(formatFault), ...remarksAt(place)],
  };
  const sources = openSources(settings.global, directory);
  return {
    test(domain, senders = everySender(settings)) {
      const { global } = settings;
      const hostChecks = new HostChecks({ sources, global, ehloName: ehloName(source), haraka, progress });
      const groups = senderGroups(settings, senders, domain, today);
      return Promise.all(groups.map((group) => testGroup(hostChecks, group, domain, surroundings)));
    },
    close: () => sources.close(),
  };
}

async function testGroup(
  hostChecks: HostChecks,
  { senders, found }: SenderGroup,
  domain: string,
  surroundings: Pick<Report, 'haraka' | 'warnings'>,
): Promise<Report> {
  if (found.kind === 'invalid') {
    const problems = [{ host: '', ...found.failure }];
    const sts = { kind: 'not_asked' } as const;
    return {
      domain,
      senders,
      level: '',
      goes: false,
      problems,
      sts,
      ...surroundings,
      haraka: [],
      attempts: [],
    };
  }
  const { rule } = found;
  const { decision, sts } = await hostChecks.decide(rule, domain);
  const checks =
    decision.kind === 'deliver'
      ? decision.hosts.flatMap((plan) => plan.addresses.map((address) => hostChecks.check(plan, address)))
      : [];
  const attempts = await Promise.all(checks);
  const goes = attempts.some(({ verdict }) => verdict.kind === 'goes');
  return {
    domain,
    senders,
    level: rule.level,
    goes,
    problems: problemsOf(decision),
    sts,
    ...surroundings,
    attempts,
  };
}
