/** What goes between the thread that answers and the process that it belongs to. */

export interface ThreadData {
  /** Haraka's config directory. */
  readonly configDirectory: string;
}

export interface Question {
  readonly id: number;
  readonly method: 'GET' | 'POST';
  /** Behind `/tls-peers/api/v1/`. */
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Whether the answer may be compressed. */
  readonly gzip: boolean;
  /** What only the process itself knows. */
  readonly process: ProcessFacts;
}

/** Plain data: it is copied. */
export interface ProcessFacts {
  readonly pid: number;
  readonly version: string;
  readonly resolver: readonly ResolverFact[];
  /** ISO 8601; empty before the first probe. */
  readonly probedAt: string;
  readonly faults: readonly string[];
}

export interface ResolverFact {
  readonly server: string;
  readonly kind: string;
  readonly text: string;
}

export interface Answered {
  readonly id: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}
