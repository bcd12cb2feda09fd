/** What came of each address of each MX host, in words. Pure. */
import type { Attempt } from './host_checks';
import { stacked, table } from './layout/table';
import type { Cell, Output } from './output';

interface AttemptText {
  readonly verdict: Cell;
  /** Version and cipher; empty where there was no handshake. */
  readonly session: string;
  /** What the verdict rests on. */
  readonly why: string;
}

export function attemptLines(output: Output, attempts: readonly Attempt[]): string[] {
  const indent = 2;
  const rows = attempts.map((attempt) => ({
    attempt,
    text: textOf(attempt),
    certificate: certificateText(attempt),
  }));
  if (output.width === undefined) {
    return table(
      output,
      rows.map(({ attempt: { host, address }, text, certificate }) => [
        text.verdict,
        host,
        address,
        text.session,
        certificate,
        text.why,
      ]),
      indent,
    );
  }
  return rows.flatMap(({ attempt: { host, address }, text, certificate }) =>
    stacked(output, [text.verdict, host, address], [text.why, text.session, certificate], indent),
  );
}

function certificateText({ names, expires }: Attempt): string {
  return names === '' ? '' : `${names} until ${expires}`;
}

function textOf({ tlsVersion, cipher, requirement, verdict }: Attempt): AttemptText {
  switch (verdict.kind) {
    case 'goes': {
      const recorded = verdict.recorded.map(({ reason }) => `recorded ${reason}`);
      return {
        verdict: { text: 'goes', style: 'green' },
        session: verdict.tlsVersion === '' ? 'cleartext' : `${verdict.tlsVersion} ${cipher}`,
        why: `${[verdict.verified, ...recorded].join('; ')} (${requirement})`,
      };
    }
    case 'refused': {
      const { reason, text } = verdict.failure;
      return {
        verdict: { text: 'refused', style: 'red' },
        session: `${tlsVersion} ${cipher}`.trim(),
        why: `${reason}: ${text} (${requirement})`,
      };
    }
    case 'unreachable':
      return { verdict: { text: 'unreachable', style: 'yellow' }, session: '', why: verdict.problem };
  }
}
