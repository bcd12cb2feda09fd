/** A mail server that is measured: it takes messages in, and delivers them to the sinks. */
import type { Letter } from './injector';

export interface Subject {
  /** Hands it messages, which it delivers as they come. Resolves when it has taken all of them. */
  take(letters: readonly Letter[]): Promise<void>;
  /** Hands it messages, which it keeps; resolves when all of them wait. */
  hold(letters: readonly Letter[]): Promise<void>;
  /** What waits may go. */
  release(): Promise<void>;
  /** How long messages waited before their first connection, since this was last asked. Milliseconds; empty where nobody knows. */
  waits(): Promise<readonly number[]>;
  /** Processor time of all its processes so far. Milliseconds. */
  processorMs(): number;
  stop(): Promise<void>;
}

/** At which messages are handed over. */
export const connections = 8;
