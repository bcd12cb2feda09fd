/** Whether the code under test left sockets or timers behind. */
import { createHook } from 'node:async_hooks';
import { afterAll, beforeAll } from 'vitest';

// A TLS socket ends with its TCP socket; its own wrapper waits for the garbage collector.
const watched = new Set(['Timeout', 'UDPWRAP', 'TCPWRAP']);
const open = new Map<number, string>();

/** Notes every socket and timer, also one that would not keep the process alive, that code in src/dns makes, its deadlines included. */
const hook = createHook({
  init(id, type) {
    if (!watched.has(type)) return;
    if (callers().some((file) => /\/src\/(?:dns\/|deadline)/.test(file))) open.set(id, type);
  },
  destroy(id) {
    open.delete(id);
  },
});

/** The files that the call came through, without what a readable stack costs, thousands of times. */
function callers(): string[] {
  const { stackTraceLimit } = Error;
  const readable = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  Error.stackTraceLimit = 30;
  Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName() ?? '');
  const files: unknown = new Error().stack;
  Error.stackTraceLimit = stackTraceLimit;
  Object.defineProperty(Error, 'prepareStackTrace', readable ?? { value: undefined });
  return Array.isArray(files) ? files.map(String) : [];
}

/** Watches for as long as the tests of one file run: every other file of the process would pay for it. */
export function watchLeftovers(): void {
  beforeAll(() => void hook.enable());
  afterAll(() => void hook.disable());
}

/** How many sockets and timers src/dns holds now. */
export function heldNow(kind?: string): number {
  return [...open.values()].filter((type) => kind === undefined || type === kind).length;
}

/** Resolves once src/dns holds no socket and no timer; rejects where that never happens. */
export async function nothingLeft(): Promise<void> {
  // Handles close within a few turns of the event loop; a leak never does.
  for (let turn = 0; turn < 500; turn++) {
    if (open.size === 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`left open: ${[...open.values()].join(' ')}`);
}
