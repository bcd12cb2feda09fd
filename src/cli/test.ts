/** `tls-peers test`: everything that a delivery would do, up to and not including MAIL FROM. */
import { discover } from '../discovery/discover';
import { outboundRule } from '../peers/rules';
import type { OutboundRule } from '../peers/rule';
import { decide } from '../policy/decide';
import type { Decision, HostPlan, RefusedHost } from '../policy/requirement';
import { upgradeOptions } from '../delivery/tls_options';
import { harakaTls, type HarakaTls } from '../settings/haraka_tls';
import { judgeProbe, type ProbeVerdict } from '../probe/judge';
import { probeHost, type Probe, type ProbeOptions } from '../probe/probe';
import { loadSettings } from '../settings/settings';
import { directorySource } from '../settings/source';
import type { GlobalSettings } from '../settings/types';
import { exit, UsageError, type Command, type Context } from './command';
import { requirementText } from './explain';
import { asHarakaDelivers, handshakeRemarks } from './haraka_terms';
import { heloName } from './helo';
import { json, paint, table, type Cell, type Output } from './output';
import { openSources, type LivingSources } from './sources';

export const testCommand: Command = {
  name: 'test',
  summary: 'Do what a delivery would do, at every MX host and address, and stop before the envelope.',
  operands: '[--from SENDER] DOMAIN...',
  help: [
    'The exit code is 0 only if a message would go to every DOMAIN.',
    '',
    '  --from SENDER     the envelope sender, whose domain decides which rules apply (default: the null sender)',
  ],
  options: { from: { type: 'string' } },
  run: test,
};

/** What came of one address of one MX host. */
interface Attempt {
  readonly host: string;
  readonly address: string;
  readonly requirement: string;
  readonly discovered: string;
  /** What the handshake came to, whatever the verdict; empty where there was none. */
  readonly tlsVersion: string;
  readonly cipher: string;
  /** Names in the leaf certificate. */
  readonly names: string;
  /** When the leaf certificate expires. */
  readonly expires: string;
  readonly verdict: ProbeVerdict;
}

interface Report {
  readonly domain: string;
  readonly rule: string;
  /** Whether a message would go. */
  readonly goes: boolean;
  /** Why nothing was tried, or why not at all hosts. */
  readonly problems: readonly string[];
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
  /** In the order in which a delivery would try them. */
  readonly attempts: readonly Attempt[];
}

async function test(context: Context) {
  const { operands, options, output } = context;
  if (operands.length === 0) throw new UsageError('a DOMAIN is needed');
  const sender = domainOf(typeof options['from'] === 'string' ? options['from'] : '');
  const source = directorySource(context.directory);
  const { settings } = loadSettings(source);
  const haraka = harakaTls(source);
  const sources = openSources(settings.global, context.directory);
  try {
    const reports: Report[] = [];
    for (const operand of operands) {
      const domain = domainOf(operand);
      const found = outboundRule(settings, sender, domain, context.today);
      const report =
        found.kind === 'invalid'
          ? { domain, rule: '', goes: false, problems: [found.failure.text], haraka: [], attempts: [] }
          : await testDomain(
              new Visitor(sources, settings.global, heloName(context.directory), haraka, output),
              found.rule,
              domain,
            );
      reports.push(report);
      if (!context.json) for (const line of reportLines(output, report)) output.print(line);
    }
    if (context.json) output.print(json(reports));
    return reports.every(({ goes }) => goes) ? exit.ok : exit.findings;
  } finally {
    await sources.close();
  }
}

/** `a@b.example`, `<a@b.example>` or `b.example`; empty for `<>`. */
function domainOf(operand: string): string {
  const bare = operand.replace(/^<(.*)>$/, '$1');
  return bare.slice(bare.lastIndexOf('@') + 1);
}

async function testDomain(visitor: Visitor, rule: OutboundRule, domain: string): Promise<Report> {
  const decision = asHarakaDelivers(await visitor.decide(rule, domain), visitor.haraka, domain);
  const haraka = handshakeRemarks(visitor.haraka);
  const report = { domain, rule: `${rule.name}: ${rule.level}`, haraka };
  if (decision.kind !== 'deliver')
    return { ...report, goes: false, problems: [decisionText(decision)], attempts: [] };
  const visits = decision.hosts.flatMap((plan) =>
    plan.addresses.map((address) => visitor.visit(plan, address)),
  );
  const attempts = await Promise.all(visits);
  const goes = attempts.some(({ verdict }) => verdict.kind === 'goes');
  return { ...report, goes, problems: decision.refused.map(refusedText), attempts };
}

function decisionText(decision: Exclude<Decision, { kind: 'deliver' }>): string {
  return decision.kind === 'defer' ? `${decision.failure.reason}: ${decision.failure.text}` : decision.cause;
}

function refusedText({ host, failure }: RefusedHost): string {
  return `${host} refused before connecting: ${failure.reason}: ${failure.text}`;
}

class Visitor {
  constructor(
    readonly sources: LivingSources,
    readonly global: GlobalSettings,
    readonly helo: string,
    readonly haraka: HarakaTls,
    readonly output: Output,
  ) {}

  async decide(rule: OutboundRule, domain: string): Promise<Decision> {
    const signal = AbortSignal.timeout(this.global.timeouts.decision * 1000);
    return decide(rule, await discover(this.sources, rule, domain, { signal }));
  }

  async visit(plan: HostPlan, address: string): Promise<Attempt> {
    const probe = await probeHost({
      address,
      heloName: this.helo,
      deadlineMs: this.global.timeouts.tlsHandshake * 1000,
      ...this.tlsFor(plan),
    });
    const verdict = judgeProbe(plan.requirement, probe, new Date());
    this.output.progress(`${plan.host} [${address}]: ${verdict.kind}`);
    return { ...certificateOf(probe), ...planOf(plan), address, verdict };
  }

  /** The handshake that a delivery would make. */
  private tlsFor({ requirement }: HostPlan): Pick<ProbeOptions, 'serverName' | 'startTls' | 'tlsOptions'> {
    if (requirement.kind === 'cleartext') return { serverName: '', startTls: 'never' };
    const { options } = this.haraka;
    return {
      serverName: requirement.serverName,
      tlsOptions: () => upgradeOptions(requirement, { ...options }, 'none'),
    };
  }
}

function planOf({ host, requirement, discovered }: HostPlan) {
  return { host, requirement: requirementText(requirement), discovered };
}

function certificateOf(probe: Probe): Pick<Attempt, 'tlsVersion' | 'cipher' | 'names' | 'expires'> {
  if (probe.kind !== 'encrypted') return { tlsVersion: '', cipher: '', names: '', expires: '' };
  const leaf = probe.session.certificates.chain()[0];
  return {
    tlsVersion: probe.session.protocol ?? '',
    cipher: probe.cipher,
    names: (leaf?.subjectAltName ?? '').replaceAll('DNS:', ''),
    expires: leaf === undefined ? '' : new Date(leaf.validTo).toISOString().slice(0, 10),
  };
}

function reportLines(output: Output, report: Report): string[] {
  const end = report.goes
    ? paint(output, 'green', 'a message would go')
    : paint(output, 'red', 'a message would not go');
  const rows = report.attempts.map((attempt) => attemptRow(attempt));
  return [
    `${paint(output, 'bold', report.domain)}  ${report.rule}`,
    ...table(output, rows, '  '),
    ...report.problems.map((problem) => `  ${problem}`),
    ...report.haraka.map((remark) => `  ${paint(output, 'dim', remark)}`),
    `  ${end}`,
  ];
}

function attemptRow({
  host,
  address,
  tlsVersion,
  cipher,
  names,
  expires,
  requirement,
  verdict,
}: Attempt): (string | Cell)[] {
  const certificate = names === '' ? '' : `${names} until ${expires}`;
  switch (verdict.kind) {
    case 'goes': {
      const how = verdict.tlsVersion === '' ? 'cleartext' : `${verdict.tlsVersion} ${cipher}`;
      const recorded = verdict.recorded.map(({ reason }) => `recorded ${reason}`);
      const said = [verdict.verified, ...recorded].join('; ');
      return [{ text: 'goes', style: 'green' }, host, address, how, certificate, `${said} (${requirement})`];
    }
    case 'refused': {
      const { reason, text } = verdict.failure;
      return [
        { text: 'refused', style: 'red' },
        host,
        address,
        `${tlsVersion} ${cipher}`.trim(),
        certificate,
        `${reason}: ${text} (${requirement})`,
      ];
    }
    case 'unreachable':
      return [{ text: 'unreachable', style: 'yellow' }, host, address, '', '', verdict.problem];
  }
}
