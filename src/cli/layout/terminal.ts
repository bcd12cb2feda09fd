/** What results are printed to: how wide it is, and whether it shows colours. Pure. */

type Environment = Readonly<Record<string, string | undefined>>;

/** What of a stream is asked. */
export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Narrower than this, words are broken rather than lines. */
const leastColumns = 40;

/** Of a terminal that does not say. */
const usualColumns = 80;

/**
 * Columns of a terminal; `undefined` for a file or a pipe, where a line is as long as its row. COLUMNS narrows what the
 * terminal says and never widens it: it may be older than the last change of the window.
 */
export function columnsOf(screen: Screen, env: Environment): number | undefined {
  if (screen.isTTY !== true) return undefined;
  const wished = /^\d{1,5}$/.test(env['COLUMNS'] ?? '') ? Number(env['COLUMNS']) : 0;
  const known = [screen.columns ?? 0, wished].filter((columns) => columns > 0);
  return Math.max(leastColumns, known.length === 0 ? usualColumns : Math.min(...known));
}

/**
 * Whether colours are wanted: as FORCE_COLOR says (https://force-color.org; `0` and `false` say no, as to Node), else not
 * where NO_COLOR is set (https://no-color.org), else on a terminal that has them.
 */
export function coloursWanted(screen: Screen, env: Environment): boolean {
  const forced = env['FORCE_COLOR'] ?? '';
  if (forced !== '') return forced !== '0' && forced !== 'false';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  return screen.isTTY === true && env['TERM'] !== 'dumb';
}
