/** The hosts that all subjects deliver to: what they took, and how busy they were with it. */
import { once, EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startHelper } from '../child';
import type { SinkHost, SinkPorts, Tally } from './sink_child';

export interface Sinks {
  /** By host name. */
  readonly ports: SinkPorts;
  /** What came so far. */
  tally(): SinkTally;
  /** Resolves once `messages` came in all. */
  taken(messages: number, timeoutMs: number): Promise<SinkTally>;
  stop(): Promise<void>;
}

export interface SinkTally {
  readonly messages: number;
  readonly handshakes: number;
  /** When the last message was taken, in `monotonicMs`. */
  readonly last: number;
  /** Processor time of each process. Milliseconds. */
  readonly processorMs: readonly number[];
}

const script = fileURLToPath(new URL('sink_child.ts', import.meta.url));
const nothing: Tally = { messages: 0, handshakes: 0, last: 0, processorMs: 0 };

/** @param processes among which the hosts are dealt out */
export async function startSinks(hosts: readonly SinkHost[], processes: number): Promise<Sinks> {
  const arrivals = new EventEmitter();
  const tallies = Array.from({ length: processes }, () => nothing);
  const tally = (): SinkTally => ({
    messages: sum(tallies.map(({ messages }) => messages)),
    handshakes: sum(tallies.map(({ handshakes }) => handshakes)),
    last: Math.max(...tallies.map(({ last }) => last)),
    processorMs: tallies.map(({ processorMs }) => processorMs),
  });
  const helpers = await Promise.all(
    tallies.map((_, process) =>
      startHelper<SinkPorts>(
        script,
        hosts.filter((_host, index) => index % processes === process),
        (news: Tally) => {
          tallies[process] = news;
          arrivals.emit('news');
        },
      ),
    ),
  );
  return {
    ports: Object.assign({}, ...helpers.map(({ ready }) => ready)) as SinkPorts,
    tally,
    taken: async (messages, timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const now = tally();
        if (now.messages >= messages) return now;
        await once(arrivals, 'news', { signal }).catch(() => {
          throw new Error(`${messages - tally().messages} messages did not arrive in ${timeoutMs} ms`);
        });
      }
    },
    stop: async () => {
      await Promise.all(helpers.map((helper) => helper.stop()));
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
