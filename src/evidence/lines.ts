/**
 * The files of the record: a header with the version of the format, then one line for each peer with what was added. Pure.
 *
 * ```text
 * tls-peers evidence 1<TAB>2026-11-29
 * 5e1d8a02<TAB>ours.example<TAB>out<TAB>peer.example<TAB>aafbdb…=12 aafbdc…=1
 * ```
 *
 * Lines of the same peer add up. Each begins with a check of the rest, so that a damaged line costs that line and counts
 * nothing wrong.
 */
import { checkedLine, fileHeader, uncheckedLine } from '../day_files/lines';
import { keyText, type PeerKey } from './day_table';

export const evidenceHeader = fileHeader('tls-peers evidence', 1);

export function countsLine(key: PeerKey, counts: ReadonlyMap<string, number>): string {
  let rest = `${keyText(key)}\t`;
  let between = '';
  for (const [kind, count] of counts) {
    rest += `${between}${kind}=${count}`;
    between = ' ';
  }
  return checkedLine(rest);
}

export interface CountsOfPeer {
  readonly key: PeerKey;
  readonly counts: readonly (readonly [kind: string, count: number])[];
}

/** @returns `undefined` where the line is damaged, or none of ours */
export function parseCountsLine(line: string): CountsOfPeer | undefined {
  const rest = uncheckedLine(line);
  if (rest === undefined) return undefined;
  const [managed, direction, peer, written, ...more] = rest.split('\t');
  if (managed === undefined || peer === undefined || written === undefined || more.length > 0)
    return undefined;
  if (direction !== 'out' && direction !== 'in') return undefined;
  const counts: [string, number][] = [];
  for (const pair of written.split(' ')) {
    const [kind = '', digits = ''] = pair.split('=');
    const count = Number(digits);
    if (kind === '' || !Number.isSafeInteger(count) || count <= 0) return undefined;
    counts.push([kind, count]);
  }
  return { key: { managed, direction, peer }, counts };
}
