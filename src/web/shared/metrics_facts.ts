/** What the thread knows for metrics. */

export interface ReportFacts {
  /** Reports to others by what became of them. */
  readonly sent: Readonly<Record<string, number>>;
  /** Reports of others that are kept. */
  readonly received: number;
  /** Failed sessions of the last seven days that trusted reporters told of, by managed domain. */
  readonly failures: Readonly<Record<string, number>>;
  /** By managed domain with a policy, what its reports say of it. */
  readonly rollouts: Readonly<Record<string, string>>;
}

export interface MetricsFacts {
  readonly policies: Readonly<Record<string, number>>;
  /** Ends as ISO 8601. */
  readonly certificates: readonly { readonly name: string; readonly expires: string }[];
  readonly exemptions: readonly { readonly rule: string; readonly ends: string }[];
  readonly peers: readonly {
    readonly managed: string;
    readonly direction: 'out' | 'in';
    readonly peer: string;
    readonly tls: Readonly<Record<string, number>>;
    readonly failures: number;
  }[];
  /** By the reason, in messages. */
  readonly held: Readonly<Record<string, number>>;
  /** When the oldest of them came, ISO 8601; empty where nothing waits. */
  readonly oldestHeld: string;
  /** Whether the queue could be read. */
  readonly isHeldKnown: boolean;
  /** `not_known`: what is kept of them could not be read. */
  readonly reports: ReportFacts | 'not_known';
}
