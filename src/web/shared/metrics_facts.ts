/** What the thread knows for metrics. */

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
}
