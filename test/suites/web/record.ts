/** Records as large as those of a gateway, written as Haraka would have written them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { countsName } from '../../../src/day_files/names';
import { countsLine, evidenceHeader } from '../../../src/evidence/lines';
import { sightingText, unseen, type Sighting } from '../../../src/evidence/sighting';
import { dayBefore, utcDay, type Day } from '../../../src/peers/day';

const base = { ...unseen, level: 'opportunistic', startTls: 'used', group: 'classic' } as const;

const kinds: readonly Sighting[] = [
  {
    ...base,
    outcome: 'delivered',
    tls: 'TLSv1.3',
    verified: 'unauthenticated',
    pkix: 'pass',
    mx: 'insecure',
    tlsa: 'none',
    policy: 'none',
  },
  {
    ...base,
    outcome: 'delivered',
    tls: 'TLSv1.2',
    verified: 'pkix',
    pkix: 'pass',
    mx: 'insecure',
    tlsa: 'none',
    policy: 'enforce',
    level: 'auto',
  },
  {
    ...base,
    outcome: 'delivered',
    tls: 'TLSv1.3',
    verified: 'dane',
    pkix: 'certificate-not-trusted',
    mx: 'secure',
    tlsa: 'pass',
    policy: 'none',
    level: 'auto',
    requireTls: 'required',
  },
  { ...base, outcome: 'delivered', tls: 'none', startTls: 'not_offered', group: 'none', verified: 'none' },
  { ...base, outcome: 'delivered', tls: 'TLSv1', verified: 'unauthenticated', group: 'weak' },
  {
    ...base,
    outcome: 'deferred',
    tls: 'none',
    startTls: 'failed',
    verified: 'none',
    reason: 'tls-handshake-failed',
  },
  {
    ...base,
    outcome: 'deferred',
    tls: 'TLSv1.2',
    verified: 'none',
    reason: 'certificate-expired',
    level: 'verify',
  },
];

export interface WrittenRecord {
  /** Where the files go. */
  readonly directory: string;
  readonly managed: string;
  readonly peers: number;
  readonly days: number;
  readonly now: Date;
  /** How peers are called; `peer-12345.example` where absent. */
  readonly name?: (number: number) => string;
}

/** Each peer is seen on some of the days, with one to three kinds of messages. */
export function writeRecord({ directory, managed, peers, days, now, name = usualName }: WrittenRecord): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const today = utcDay(now);
  for (let back = 0; back < days; back++) {
    const day = dayBefore(today, back);
    writeFileSync(path.join(directory, countsName(day)), dayText(day, back, { managed, peers, name }), {
      mode: 0o600,
    });
  }
}

function usualName(number: number): string {
  return `peer-${String(number).padStart(6, '0')}.example`;
}

function dayText(
  day: Day,
  back: number,
  of: Required<Pick<WrittenRecord, 'managed' | 'peers' | 'name'>>,
): string {
  const lines = [evidenceHeader.text(day)];
  for (let number = 0; number < of.peers; number++) {
    if ((number * 7 + back * 3) % 5 > 2) continue;
    const counts = new Map<string, number>();
    for (let at = 0; at <= number % 3; at++) {
      const kind = kinds[(number + at * 2) % kinds.length];
      if (kind !== undefined) counts.set(sightingText(kind), 1 + ((number * 31 + back * 17 + at) % 40));
    }
    lines.push(countsLine({ managed: of.managed, direction: 'out', peer: of.name(number) }, counts));
  }
  return lines.join('');
}
