import type { Output } from '../output';
import { labelled } from './paragraph';

/** What is to be known beside a result. */
export function warningLines(output: Output, warnings: readonly string[], indent = 0): string[] {
  return warnings.flatMap((warning) =>
    labelled(output, { text: 'warning', style: 'yellow' }, [warning], { width: 9, indent }),
  );
}
