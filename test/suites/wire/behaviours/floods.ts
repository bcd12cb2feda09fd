/** Replies that bring a whole process down: each of these has one to itself. */
import { behaviour, lostConnection, type Behaviour } from '../behaviour';
import { pieces, raw, type Answer } from '../script';

const recipients = Array.from({ length: 140 }, (_, index) => `r${index}`);

const linesOf4Mb = (code: string): Answer =>
  raw(`${`${code}-${'x'.repeat(995)}\r\n`.repeat(4000)}${code} end\r\n`);
/** 20,000 TLS records, none of which ends a line. */
const lineOf4Mb = pieces(`250 ${'x'.repeat(3_900_000)}`, 195);
const millionLines = raw('250-x\r\n'.repeat(1_000_000));

const flood = (
  name: string,
  hosts: Parameters<typeof behaviour>[1],
  names: readonly string[] = ['a'],
): Behaviour =>
  behaviour(name, hosts, lostConnection, { company: 'alone', patienceMs: 30_000, recipients: names });

export const floodBehaviours: readonly Behaviour[] = [
  ...(['250', '450', '550'] as const).flatMap((code) => [
    flood(`MAIL answered with 4 MB of ${code} and 140 recipients`, { mail: linesOf4Mb(code) }, recipients),
    flood(`RCPT answered with 4 MB of ${code} and 140 recipients`, { rcpt: linesOf4Mb(code) }, recipients),
  ]),
  flood('3.9 MB without a line end in small TLS records', { mail: lineOf4Mb }),
  flood('a million continuation lines at MAIL', { mail: millionLines }),
  flood('a million continuation lines at EHLO', { outside: { ehlo: millionLines } }),
];
