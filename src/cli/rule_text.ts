/** Which rule governs a message, and why, in words. Pure. */
import type { Explained } from '../peers/explain';
import { show } from '../settings/schema/value_text';
import { fact } from './destination_text';
import { table } from './layout/table';
import type { Output, Style } from './output';

const outcomeStyle: Readonly<Record<string, Style>> = {
  wins: 'green',
  outranked: 'dim',
  disabled: 'yellow',
  lapsed: 'yellow',
  unmanaged_only: 'dim',
  listed: 'yellow',
};

/** The rule, every candidate with its fate, every key with the line that set it. */
export function ruleLines(
  output: Output,
  { managed, candidates, keys, rule }: Explained<{ readonly name: string }>,
): string[] {
  const rows = candidates.map(({ name, place, outcome, why }) => [
    { text: outcome, style: outcomeStyle[outcome] ?? ('dim' as const) },
    name,
    place,
    why,
  ]);
  const values = keys.map(({ key, value, origin }) => [
    key,
    valueText(key, value),
    { text: origin, style: 'dim' as const },
  ]);
  return [
    ...fact(output, 'managed', managed),
    ...fact(output, 'rule', rule.name),
    '',
    ...table(output, rows),
    '',
    ...table(output, values),
  ];
}

/** The settings hold what is in a `ca_file`, which is of little use to a reader. */
function valueText(key: string, value: unknown): string {
  if (key !== 'ca_file' || typeof value !== 'string' || value === '') return show(value);
  const count = value.split('BEGIN CERTIFICATE').length - 1;
  return `${count} ${count === 1 ? 'certificate' : 'certificates'}`;
}
