/** What `tls-peers tighten` found, for people and for programs. Pure. */
import { counted } from '../counted';
import type { SectionEdit } from '../../settings/ini/edit';
import { countsText } from '../evidence';
import { paragraph } from '../layout/paragraph';
import { warningLines } from '../layout/warning';
import { paint, type Output } from '../output';
import type { Exemption } from './exemptions';
import type { PlannedSection } from './plan';
import { stepText, type LeftPeer, type Thresholds } from './proposals';
import type { RefusingRule } from './refusing';
import type { Tightening } from './tighten';

/** Peers that are left as they are, on a terminal. */
const mostShown = 50;

const below = { indent: 2, hanging: 4 };

export function tightenLines(
  output: Output,
  found: Tightening,
  { written, thresholds }: { readonly written: boolean; readonly thresholds: Thresholds },
): string[] {
  const { wanted, plan, left, passedOver, refusing, notNeeded, problems } = found;
  const heading = (text: string) => ['', paint(output, 'bold', text)];
  const told = left.filter(({ because }) => because !== 'record');
  const { messages, days } = thresholds;
  return [
    `${wanted.from} to ${wanted.to} (UTC); at least ${counted(messages, 'message')} on ${counted(days, 'day')}`,
    ...(plan.sections.length === 0 ? ['nothing is proposed'] : heading(written ? 'written' : 'proposed')),
    ...plan.sections.flatMap((one) => sectionLines(output, one)),
    ...(told.length === 0 ? [] : heading('left as they are')),
    ...told.slice(0, mostShown).flatMap((one) => leftLines(output, one)),
    ...(told.length > mostShown ? [`${told.length - mostShown} more: --json has them all`] : []),
    ...(refusing.length === 0 ? [] : heading('refused whatever came')),
    ...refusing.flatMap((one) => paragraph(output, [refusingText(one)], below)),
    ...(notNeeded.length === 0 ? [] : heading('not needed any more: all hosts would pass without')),
    ...notNeeded.flatMap((one) => paragraph(output, [exemptionText(one)], below)),
    '',
    ...restLines(left.length - told.length, passedOver),
    ...(plan.sections.length > 0 && !written ? ['not written: --write makes the change'] : []),
    ...warningLines(output, problems),
  ];
}

/** Peers that are not named one by one. */
function restLines(unmet: number, passedOver: number): string[] {
  const of = (count: number, what: string) =>
    count === 0 ? [] : [`${counted(count, 'more peer')}: ${what}`];
  return [
    ...of(unmet, 'not every message met a stricter rule'),
    ...of(passedOver, 'too little was seen, or nothing is stricter than the rule'),
  ];
}

function sectionLines(output: Output, { proposal, edit }: PlannedSection): string[] {
  const { key, record, target, hosts, notStricter, notes } = proposal;
  const facts = [
    `${target.file}: ${counted(record.messages, 'message')} on ${counted(record.days, 'day')}, ${counted(hosts, 'host')}; now ${target.rule.level} (${target.rule.name})`,
    ...notes,
    ...notStricter.map((text) => `why not ${text}`),
  ];
  const managed = key.managed === '' ? 'mail of no managed domain' : `mail of ${key.managed}`;
  return [
    ...paragraph(output, [{ text: key.peer, style: 'green' }, managed], { hanging: 4 }),
    ...iniLines(edit).map((line) => `    ${line}`),
    ...facts.flatMap((text) => paragraph(output, [text], below)),
  ];
}

/** As it is written. */
function iniLines({ header, keys }: SectionEdit): string[] {
  const given = Object.entries(keys).filter(([, value]) => value !== '');
  return [`[${header}]`, ...given.map(([key, value]) => `${key} = ${value}`)];
}

function leftLines(output: Output, { key, why }: LeftPeer): string[] {
  const managed = key.managed === '' ? '-' : key.managed;
  return [
    ...paragraph(output, [{ text: key.peer, style: 'yellow' }, managed], { hanging: 4 }),
    ...why.flatMap((text) => paragraph(output, [text], below)),
  ];
}

function refusingText({ direction, rule, level, peers, refused, reasons }: RefusingRule): string {
  const named = peers.slice(0, 5).join(', ') + (peers.length > 5 ? ` and ${peers.length - 5} more` : '');
  const way = direction === 'out' ? 'to' : 'from';
  const none = refused === 1 ? 'the one message did not go' : `none of ${refused} messages went`;
  return `${rule} (${level}): ${none} ${way} ${named}: ${countsText(reasons)}`;
}

function exemptionText({ section, until, peers, without }: Exemption): string {
  const [next] = without;
  const ends = until === '' ? '' : ` (until ${until})`;
  const then =
    next === undefined ? '' : `: ${next.rule.level} of ${next.rule.name} would apply to ${peers.join(', ')}`;
  return `${section.name} at ${section.file}:${section.line}${ends}${then}`;
}

/** For `--json`. */
export function documentOf(found: Tightening, written: boolean): unknown {
  const { wanted, problems, plan, left, passedOver, refusing, notNeeded } = found;
  return {
    from: wanted.from,
    to: wanted.to,
    problems,
    written,
    proposals: plan.sections.map(({ proposal, edit }) => ({
      managed: proposal.key.managed,
      peer: proposal.key.peer,
      messages: proposal.record.messages,
      days: proposal.record.days,
      hosts: proposal.hosts,
      rule: proposal.target.rule.name,
      level: { before: proposal.target.rule.level, after: proposal.rule.level },
      step: proposal.step,
      file: proposal.target.file,
      section: edit.header,
      keys: edit.keys,
      notes: proposal.notes,
      notStricter: proposal.notStricter,
    })),
    left: left.map(({ key, record, because, why }) => ({
      managed: key.managed,
      peer: key.peer,
      because,
      messages: record.messages,
      days: record.days,
      why,
    })),
    passedOver,
    refusing,
    notNeeded: notNeeded.map(({ section, until, peers, without }) => ({
      rule: section.name,
      file: section.file,
      line: section.line,
      until,
      peers,
      without: without.map(({ peer, rule }) => ({ peer, rule: rule.name, level: rule.level })),
    })),
  };
}

export function csvRows({ plan }: Tightening): string[][] {
  return [
    ['managed', 'peer', 'messages', 'days', 'hosts', 'rule', 'step', 'file', 'section', 'notes'],
    ...plan.sections.map(({ proposal, edit }) => [
      proposal.key.managed,
      proposal.key.peer,
      String(proposal.record.messages),
      String(proposal.record.days),
      String(proposal.hosts),
      proposal.target.rule.name,
      stepText(proposal.step),
      proposal.target.file,
      edit.header,
      proposal.notes.join('; '),
    ]),
  ];
}
