/** What the API answers, as the page reads it. */
import type { DaySums } from '../api/days';
import type { OwnCertificate, OwnPolicy } from '../api/own';
import type { PeerRow, PeersPage } from '../api/peers';
import type { ReceivedDocument, ReportsDocument } from '../api/reports';
import type { DomainRow } from '../api/state_routes';

export type {
  DaySums,
  DomainRow,
  OwnCertificate,
  OwnPolicy,
  PeerRow,
  PeersPage,
  ReceivedDocument,
  ReportsDocument,
};

export interface Status {
  readonly now: string;
  readonly pid: number;
  readonly version: string;
  readonly faults: readonly string[];
  readonly resolver: readonly { readonly server: string; readonly kind: string; readonly text: string }[];
  readonly probedAt: string;
  readonly configuration: string;
  readonly evidence: { readonly enabled: boolean; readonly days: number };
}

export interface DomainsDocument {
  readonly days: number;
  readonly domains: readonly DomainRow[];
  readonly unspecified: DomainRow;
  readonly problems: readonly string[];
}

export interface OverviewDocument {
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly out: readonly DaySums[];
  readonly in: readonly DaySums[];
  readonly failing: readonly FailingPeer[];
  readonly problems: readonly string[];
}

export interface FailingPeer {
  readonly managed: string;
  readonly direction: 'out' | 'in';
  readonly peer: string;
  readonly failures: number;
  readonly messages: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly lastSeen: string;
}

export interface DaysDocument {
  readonly days: readonly DaySums[];
  readonly problems: readonly string[];
}

export interface ImpactDocument {
  readonly from: string;
  readonly to: string;
  readonly total: {
    readonly messages: number;
    readonly refused: number;
    readonly weakened: number;
    readonly released: number;
    readonly notKnown: number;
    readonly reasons: Readonly<Record<string, number>>;
    readonly missing: Readonly<Record<string, number>>;
  };
}

export interface StoredPolicy {
  readonly domain: string;
  readonly id: string;
  readonly fetched: string;
  readonly expires: string;
  readonly policy: { readonly mode: string; readonly mx: readonly string[]; readonly maxAge: number };
}

export interface Finding {
  readonly file: string;
  readonly line: number | null;
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly problem: string;
}

export interface ExplainDocument {
  readonly kind: 'explained' | 'invalid';
  readonly failure?: { readonly text: string };
  readonly managed?: string;
  readonly candidates?: readonly {
    readonly name: string;
    readonly place: string;
    readonly outcome: string;
    readonly why: string;
  }[];
  readonly keys?: readonly { readonly key: string; readonly value: unknown; readonly origin: string }[];
  readonly resolver?: readonly string[];
  readonly destination?: unknown;
  readonly sts?: { readonly kind: string; readonly id?: string; readonly policy?: StoredPolicy['policy'] };
  readonly decision?: {
    readonly kind: string;
    readonly failure?: { readonly reason: string; readonly text: string };
    readonly hosts?: readonly {
      readonly host: string;
      readonly addresses: readonly string[];
      readonly discovered: string;
      readonly requirement: { readonly kind: string };
    }[];
    readonly refused?: readonly {
      readonly host: string;
      readonly failure: { readonly reason: string; readonly text: string };
    }[];
  };
  readonly haraka?: readonly string[];
  readonly warnings: readonly string[];
}

export interface TestReport {
  readonly domain: string;
  readonly senders: readonly { readonly sender: string; readonly rule: string }[];
  readonly level: string;
  readonly goes: boolean;
  readonly problems: readonly { readonly host: string; readonly reason: string; readonly text: string }[];
  readonly attempts: readonly {
    readonly host: string;
    readonly address: string;
    readonly requirement: string;
    readonly tlsVersion: string;
    readonly cipher: string;
    readonly names: string;
    readonly expires: string;
    readonly verdict:
      | { readonly kind: 'goes'; readonly tlsVersion: string; readonly verified: string }
      | { readonly kind: 'refused'; readonly failure: { readonly reason: string; readonly text: string } }
      | { readonly kind: 'unreachable'; readonly problem: string };
  }[];
}

export interface FailuresDocument {
  readonly failures: readonly {
    readonly at: string;
    readonly outcome: string;
    readonly host: string;
    readonly reason: string;
    readonly text: string;
  }[];
}

export interface HeldDocument {
  readonly groups: readonly {
    readonly managed: string;
    readonly peer: string;
    readonly reason: string;
    readonly messages: number;
    readonly rule: string;
    readonly level: string;
    readonly host: string;
    readonly text: string;
    readonly since: string;
    readonly lastTry: string;
    readonly nextTry: string;
  }[];
  readonly otherwise?: {
    readonly reply: number;
    readonly notReached: number;
    readonly other: number;
    readonly untried: number;
    readonly notKnown: number;
  };
  readonly problems: readonly string[];
}
