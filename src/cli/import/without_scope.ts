/** Peers of `tls-peers.ini` that are to become peers of one domain: whom else they stood for is nothing that its file can say. */
import type { Incoming, LeftOut } from './incoming';

/** @param file for what is left out */
export function withoutScope(file: string, incoming: Incoming): Incoming {
  const left: LeftOut[] = [];
  const rows = incoming.rows.map((row) => {
    const { scope, ...keys } = row.keys;
    if (scope === undefined) return row;
    if (scope !== '') {
      const problem = 'the peers of a domain stand for that domain alone';
      left.push({ what: 'detail', fault: { file, line: row.line, key: 'scope', value: scope, problem } });
    }
    return { ...row, keys };
  });
  return { ...incoming, rows, leftOut: [...incoming.leftOut, ...left] };
}
