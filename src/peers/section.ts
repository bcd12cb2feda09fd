/** What was written, before inheritance: the sections of the configuration as plain data. */
import type { Day } from './day';
import type { InboundValues, OutboundValues } from './rule';

/** One section that sets a rule, or a default. */
export interface Section<V> {
  /** For logs and DSNs: `example.com [outbound partner.example]`, `tls-peers.ini [outbound]`. */
  readonly name: string;
  /** Relative to Haraka's config directory. */
  readonly file: string;
  /** Of the section's header; 0 where the section is not written at all. */
  readonly line: number;
  readonly status: 'enabled' | 'disabled';
  /** The address or network that it is for, as `formatPeer` writes it; absent where it is for anything else. */
  readonly network?: string;
  /** Only what is written. Paths are already replaced by what the files held. */
  readonly values: Readonly<V>;
  /** The line of each key in `values`. */
  readonly lines: Readonly<Record<string, number>>;
}

/** For whom a peer of `tls-peers.ini` stands. `all`: also for managed domains whose own file does not list that peer. */
export const peerScopes = ['unmanaged', 'all'] as const;
export type PeerScope = (typeof peerScopes)[number];

/** What only the section of a peer in `tls-peers.ini` says; `unmanaged` where it is left out. */
export interface Scoped {
  readonly scope?: PeerScope;
}

/** Whether anybody wrote it: a default that no file has stands at no line. */
export function isWritten({ line }: Section<unknown>): boolean {
  return line > 0;
}

export type OutboundSection = Section<OutboundValues>;
export type InboundSection = Section<InboundValues>;

/** Whether a section applies at all, and if not, why. `today` is a day in UTC as `YYYY-MM-DD`. */
export type Standing = 'applies' | 'disabled' | 'lapsed';

export function standing(section: Section<{ exempt_until?: Day }>, today: Day): Standing {
  if (section.status === 'disabled') return 'disabled';
  const until = section.values.exempt_until;
  return until !== undefined && until < today ? 'lapsed' : 'applies';
}
