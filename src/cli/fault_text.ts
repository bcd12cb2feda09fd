/** Faults and warnings for people. Pure. */
import { formatFault, mendText, type Fault } from '../settings/schema/fault';
import { labelled, paragraph } from './layout/paragraph';
import type { Cell, Output } from './output';

/** What is allowed, and what was meant, may be a long list: behind what is wrong, it is read when it is needed. */
export function faultLines(output: Output, severity: Cell, fault: Fault): string[] {
  const width = 9;
  if (output.width === undefined) return labelled(output, severity, [formatFault(fault)], { width });
  const { problem, allowed, suggestion, mend } = fault;
  const hint = suggestion === undefined ? '' : `did you mean ${suggestion}?`;
  const below = { indent: width, hanging: width + 2 };
  return [
    ...labelled(output, severity, [`${problem}${hint === '' ? '' : '; '}${hint}`], { width }),
    ...paragraph(output, [placeText(fault)], below),
    ...(allowed === undefined
      ? []
      : paragraph(output, [{ text: `allowed: ${allowed}`, style: 'dim' }], below)),
    ...(mend === undefined ? [] : paragraph(output, [`to mend it, ${mendText(mend)}`], below)),
  ];
}

function placeText({ file, line, section, key, value }: Fault): string {
  const place = line === undefined ? file : `${file}:${line}`;
  const within = section === undefined ? '' : ` [${section}]`;
  const setting = key === undefined ? '' : ` ${value ? `${key} = ${value}` : key}`;
  return place + within + setting;
}
