/** Zone data, printed so that it stays zone data at any width (RFC 1035 section 5.1). Pure. */
import { clean, paragraph } from './layout/paragraph';
import { displayWidth, pieces } from './layout/width';
import { atWidth, type Output } from './output';
import { zoneLine, type ZoneRecord } from './zone';

/** A record on one line, or in parentheses, what is to be known of it before it. */
export function recordLines(output: Output, record: ZoneRecord, state: string): string[] {
  const remark = `${state}, ${record.note}`;
  if (output.width === undefined) return [clean(zoneLine(record, remark))];
  return [...commentLines(output, remark), ...dataLines(record, output.width)];
}

/** Comments, each line of which is one. */
export function commentLines(output: Output, text: string): string[] {
  const { width } = output;
  if (width === undefined) return [`; ${clean(text)}`];
  return paragraph(atWidth(output, width - 2), [text]).map((line) => `; ${line}`);
}

const indent = '    ';

function dataLines(record: ZoneRecord, width: number): string[] {
  const whole = zoneLine(record, '').replace(/ ; $/, '');
  if (displayWidth(whole) <= width) return [whole];
  const head = whole.slice(0, whole.length - record.data.length);
  const [before, after] = displayWidth(`${head}(`) <= width ? [head, ''] : [...ownerApart(head)];
  const rest = width - indent.length;
  const parts = (after === '' ? [] : [after.trim()]).concat(
    record.type === 'TXT'
      ? stringParts(record.data, rest)
      : record.data.split(' ').flatMap((one) => pieces(one, rest)),
  );
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + part.length <= rest)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return [`${before}(`, ...lines.map((line) => indent + line), `${indent})`];
}

/** Where even the owner takes most of a line, all else stands in the parentheses. */
function ownerApart(head: string): [string, string] {
  const at = head.indexOf(' ') + 1;
  return [head.slice(0, at), head.slice(at)];
}

/** A reader puts the strings of a TXT record together again, so they may be shorter. */
function stringParts(data: string, width: number): string[] {
  return [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].flatMap(([, text = '']) => {
    const parts: string[] = [];
    for (const [unit] of text.matchAll(/\\.|[^]/g)) {
      const last = parts.at(-1);
      if (last === undefined || last.length + unit.length > width - 2) parts.push(unit);
      else parts[parts.length - 1] = last + unit;
    }
    return parts.map((part) => `"${part}"`);
  });
}
