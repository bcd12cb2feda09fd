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
import { parseDay, type Day } from '../peers/day';
import { keyText, type PeerKey } from './day_table';

export const formatVersion = 1;

const title = 'tls-peers evidence';

export function headerLine(day: Day): string {
  return `${title} ${formatVersion}\t${day}\n`;
}

export type Header =
  | { readonly kind: 'header'; readonly day: Day }
  /** Written by a later release: left alone. */
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'foreign' };

export function parseHeader(line: string): Header {
  const [, version, day] = /^tls-peers evidence (\d{1,6})\t(.*)$/.exec(line) ?? [];
  if (version === undefined) return { kind: 'foreign' };
  if (Number(version) > formatVersion) return { kind: 'newer', version: Number(version) };
  const parsed = parseDay(day ?? '');
  return parsed === undefined ? { kind: 'foreign' } : { kind: 'header', day: parsed };
}

export function countsLine(key: PeerKey, counts: ReadonlyMap<string, number>): string {
  let rest = `${keyText(key)}\t`;
  let between = '';
  for (const [kind, count] of counts) {
    rest += `${between}${kind}=${count}`;
    between = ' ';
  }
  return `${checkOf(rest)}\t${rest}\n`;
}

export interface CountsOfPeer {
  readonly key: PeerKey;
  readonly counts: readonly (readonly [kind: string, count: number])[];
}

/** @returns `undefined` where the line is damaged, or none of ours */
export function parseCountsLine(line: string): CountsOfPeer | undefined {
  const rest = line.slice(checkLength + 1);
  if (line[checkLength] !== '\t' || line.slice(0, checkLength) !== checkOf(rest)) return undefined;
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

const checkLength = 8;

/** FNV-1a: a line that a crash or a disk has damaged is not taken for another. It keeps nobody from writing what they like. */
function checkOf(text: string): string {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  return (state >>> 0).toString(16).padStart(checkLength, '0');
}
