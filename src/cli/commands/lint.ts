/** `tls-peers lint`: every fault, and what is allowed but probably not meant. */
import type { Seen } from '../../settings/checks/check';
import { allFindings } from '../../settings/checks/checks';
import { smtpListeners } from '../../settings/haraka/listeners';
import { ehloName } from '../../settings/haraka/ehlo_name';
import { loadSettings } from '../../settings/load/load';
import type { SettingsSource } from '../../settings/load/source';
import { faultDocument, type Fault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { printable } from '../../text';
import { acceptWhatIsGone, memoryIn } from '../accept_removal';
import { certificatesIn } from '../certificate_files';
import { accessSeen, lookAtStart, type Start } from '../access/access';
import { counted } from '../counted';
import { asHaraka, exit, UsageError, type Context, type ExitCode } from '../command';
import { askNetwork } from '../network_checks';
import { harakaHttpIn } from '../haraka_http';
import { fleetProblem, fleetRules, joinFleet, type FleetRules } from '../fleet';
import { faultLines } from '../fault_text';
import { labelled, paragraph } from '../layout/paragraph';
import { json } from '../output';
import { recentRefusals, refusalLines, type RecentRefusals } from '../refusals';
import { sorted } from '../documents';
import { viewpointRemarks } from '../viewpoint';
import { reportedPolicies, type PolicyNote } from '../reported_policies';

interface Findings {
  /** What vanished, and is meant to be gone, where the call says so. */
  readonly accepted?: readonly string[];
  /** Haraka's config directory, and the files in it that were read. */
  readonly directory: string;
  readonly checked: readonly string[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** What the rules in force have refused; no finding, for that is what rules are for. */
  readonly record: RecentRefusals;
  /** What was not judged. */
  readonly notes: readonly string[];
  /** What others report of the policies of managed domains: whether one that is tested may be enforced. */
  readonly policies: readonly PolicyNote[];
  /** Where several hosts share their memory: those with the same digest hold mail to the same rules. */
  readonly rules?: FleetRules;
}

export const lintCommand = asHaraka({
  name: 'lint',
  summary: 'Check the configuration: faults, and what is probably not meant.',
  operands: '[--offline] [--strict] [--accept-removal]',
  help: [
    'It mentions as well what rules in force have refused in the last 7 days, which is no fault.',
    '',
    '  --offline         ask nobody: skips the checks of the resolver and of hosted policies',
    '  --strict          warnings count as faults in the exit code',
    '  --accept-removal  files that vanished are meant to be gone: Haraka no longer holds mail to their rules, or back',
  ],
  options: {
    offline: { type: 'boolean' },
    strict: { type: 'boolean' },
    'accept-removal': { type: 'boolean' },
  },
  look: (context) => {
    if (context.operands.length > 0) throw new UsageError(`unexpected: ${context.operands.join(' ')}`);
    return lookAtStart(context);
  },
  async judge(context, start: Start) {
    const accepting = context.options['accept-removal'] === true;
    // First: what is meant to be gone is no fault.
    const accepted = accepting ? { accepted: await acceptWhatIsGone(context) } : {};
    const findings = { ...(await lint(context, start)), ...accepted };
    report(context, findings);
    return exitCode(findings, context.options['strict'] === true);
  },
});

/** Everything that is to be said about the files in the directory. */
async function lint(context: Context, start: Start): Promise<Findings> {
  const { directory, now, today, viewpoint } = context;
  const read = new Set<string>();
  const source = noting(context.source, read);
  const loaded = loadSettings(source);
  const { settings } = loaded;
  const joined =
    context.options['offline'] === true ? ({ kind: 'alone' } as const) : await joinFleet(settings, source);
  const found = allFindings({
    files: { settings, source, today },
    memory: memoryIn(directory, loaded),
    certificates: await certificatesIn(directory, source, settings, now),
    access: await accessSeen(context, loaded.settings, start),
    ...(await networkSeen(context, settings, start)),
    http: harakaHttpIn(directory),
    fleet: { problem: await fleetProblem(joined) },
  });
  const rules = settings.global.fleet.redis ? { rules: await fleetRules(settings, joined) } : {};
  if (joined.kind === 'joined') await joined.fleet.close();
  return {
    directory,
    checked: [...read].sort(),
    ...sorted(loaded.faults, found),
    record: await recentRefusals(context, settings),
    notes: viewpointRemarks(viewpoint),
    policies: await reportedPolicies(context, settings),
    ...rules,
  };
}

async function networkSeen(
  { source, options, output, now }: Context,
  settings: Settings,
  { chains }: Start,
): Promise<Pick<Seen, 'network'>> {
  if (options['offline'] === true) return {};
  const progress = (line: string) => output.progress(line);
  const visitMs = settings.global.timeouts.tlsHandshake * 1000;
  const shown = { chains, listeners: smtpListeners(source), visitMs, now };
  const network = { ehloName: ehloName(source), progress, shown };
  return { network: await askNetwork(settings, network) };
}

/** `source`, with the names of the files that are there noted in `read`. */
function noting(source: SettingsSource, read: Set<string>): SettingsSource {
  return {
    ...source,
    read(name) {
      const reading = source.read(name);
      if (reading.kind !== 'absent') read.add(name);
      return reading;
    },
  };
}

function exitCode(findings: Findings, strict: boolean): ExitCode {
  const wrong = findings.faults.length > 0 || (strict && findings.warnings.length > 0);
  return wrong ? exit.findings : exit.ok;
}

/** This host's files, and what the others have in force. */
function rulesLines({ digest, hosts }: FleetRules): string[] {
  if (hosts.length === 0) return [`rules in these files: digest ${digest}`];
  const others = hosts.map(
    ({ host, digest: of }) => `${printable(host, 80)} ${of === digest ? 'the same' : of}`,
  );
  return [`rules in these files: digest ${digest}; in force on ${others.join(', ')}`];
}

function report({ output, json: asJson }: Context, findings: Findings): void {
  if (asJson) {
    const [faults, warnings] = [findings.faults.map(faultDocument), findings.warnings.map(faultDocument)];
    output.print(json({ ...findings, faults, warnings }));
    return;
  }
  for (const one of findings.accepted ?? [])
    for (const line of labelled(output, 'accepted', [one], { width: 9 })) output.print(line);
  const lines = [
    ...findings.faults.flatMap((one) => faultLines(output, { text: 'fault', style: 'red' }, one)),
    ...findings.warnings.flatMap((one) => faultLines(output, { text: 'warning', style: 'yellow' }, one)),
    ...refusalLines(output, findings.record),
    ...findings.notes.flatMap((note) => labelled(output, 'note', [note], { width: 9 })),
    ...(findings.rules === undefined ? [] : rulesLines(findings.rules)).flatMap((line) =>
      paragraph(output, [line]),
    ),
    ...findings.policies.flatMap(({ domain, text }) => paragraph(output, [`reports on ${domain}: ${text}`])),
    ...paragraph(output, [
      `${counted(findings.faults.length, 'fault')}, ${counted(findings.warnings.length, 'warning')} ` +
        `in ${counted(findings.checked.length, 'file')} below ${findings.directory}`,
    ]),
  ];
  for (const line of lines) output.print(line);
}
