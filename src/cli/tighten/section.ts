/** The section that is to be written for a peer. Pure. */
import { counted } from '../counted';
import type { Day } from '../../peers/day';
import { changeFrom, type RuleStep } from '../../policy/stricter';
import type { OutboundRule } from '../../peers/rule';
import type { SectionEdit } from '../../settings/ini/edit';
import type { WrittenPeer } from '../peer_rows';
import type { Target } from './target';

/** About one section alone, and not handed on to another. */
const notCarried = new Set(['status', 'scope', 'comment', 'exempt_until']);

export interface SectionWish {
  readonly peer: string;
  readonly target: Extract<Target, { kind: 'target' }>;
  /** The peers of the file where the section that applies now stands. */
  readonly written: readonly WrittenPeer[];
  readonly rule: OutboundRule;
  /** One line for people that come by later. */
  readonly why: string;
}

/** @returns with the keys that are carried over first, then the step, then a comment behind what was said there before */
export function sectionFor({ peer, target, written, rule, why }: SectionWish): SectionEdit {
  const step = textsOf(changeFrom(target.rule, rule));
  const winner =
    target.from === 'default'
      ? undefined
      : written.find(({ section }) => section.line === target.winner.line);
  const keys = winner?.row.keys ?? {};
  const header = target.from === 'own' ? (winner?.section.name ?? `outbound ${peer}`) : `outbound ${peer}`;
  const carried = target.from === 'above' ? withoutKeys(keys, notCarried) : {};
  const said = target.from === 'own' ? (keys['comment'] ?? '') : '';
  return {
    header,
    keys: { ...carried, ...step, comment: [withoutOurs(said), why].filter(Boolean).join('; ') },
  };
}

function textsOf(step: RuleStep): Record<string, string> {
  return Object.fromEntries(Object.entries(step).map(([key, value]) => [key, value]));
}

function withoutKeys(keys: Readonly<Record<string, string>>, left: ReadonlySet<string>) {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => !left.has(key)));
}

/** What this command said before gives way to what it says now. */
function withoutOurs(comment: string): string {
  return comment.replace(/(?:^|; )tightened \d{4}-\d\d-\d\d: .*$/, '');
}

export function whyText(today: Day, messages: number, days: number, hosts: number): string {
  const where = hosts === 1 ? 'its host passes' : `all ${hosts} hosts pass`;
  return `tightened ${today}: ${counted(messages, 'message')} on ${counted(days, 'day')} met this and ${where} now`;
}
