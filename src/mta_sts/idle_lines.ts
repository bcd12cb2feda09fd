/** What the publisher of a policy wrote and did not mean. Pure. */
import type { LineFault } from './policy';

/** A policy may have thousands of lines. */
const idleNamed = 3;

/** One line of the log. */
export function idleLines(domain: string, id: string, idle: readonly LineFault[]): string {
  const named = idle
    .slice(0, idleNamed)
    .map(({ line, content, rule }) => `line ${line} "${content}": ${rule}`);
  const others = idle.length > idleNamed ? [`and ${idle.length - idleNamed} more such lines`] : [];
  return `MTA-STS policy of ${domain}, id ${id}: ${[...named, ...others].join('; ')}`;
}
