/** How much memory and time another process takes, told by Linux: not even a process that stands still can hide it. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface MemoryWatch {
  /** Octets: the most that was resident since the last call. */
  peak(): number;
  stop(): void;
}

const readEveryMs = 200;

export function watchMemory(pid: number): MemoryWatch {
  let peak = 0;
  const read = (): void => {
    peak = Math.max(peak, highWaterMark(pid));
  };
  const timer = setInterval(read, readEveryMs);
  timer.unref();
  return {
    peak: () => {
      read();
      const last = peak;
      forgetHighWaterMark(pid);
      peak = 0;
      return last;
    },
    stop: () => clearInterval(timer),
  };
}

/** Linux counts processor time in hundredths of a second (USER_HZ). */
const ticksPerSecond = 100;

/** Seconds of processor time so far; `undefined` where the process is gone. */
export function processorSeconds(pid: number): number | undefined {
  try {
    // The name of the program, in parentheses, may hold anything. Of what follows, utime and stime are the 12th and 13th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** 0 where the process is gone: what was read before counts. */
function highWaterMark(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** From here on the mark is that of what is to come (proc_pid_clear_refs(5)). */
function forgetHighWaterMark(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // The process is gone.
  }
}
