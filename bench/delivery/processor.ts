/** Processor time of somebody else's processes, as the kernel counts it. Linux. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second, whatever its own clock is (proc(5)). */
const tick = 10;

interface Usage {
  readonly pid: number;
  readonly parent: number;
  readonly ms: number;
}

/** Of the process and all below it, those included that ended and were waited for. Milliseconds. */
export function processorMsOf(pid: number): number {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? usageOf(name) : []));
  const family = new Set([pid]);
  for (let known = 0; known < family.size;) {
    known = family.size;
    for (const one of all) if (family.has(one.parent)) family.add(one.pid);
  }
  return all.filter((one) => family.has(one.pid)).reduce((total, { ms }) => total + ms, 0);
}

function usageOf(name: string): Usage[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${name}/stat`, 'latin1');
  } catch {
    // It ended meanwhile.
    return [];
  }
  // The name of the program, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return [{ pid: Number(name), parent: Number(fields[1]), ms: ticks * tick }];
}
