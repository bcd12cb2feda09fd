/**
 * The text of a Postfix table (postmap(1)): lines of a key and a value. A line that begins with blanks goes on with the one before;
 * empty lines, and lines whose first character behind blanks is `#`, are passed over. Pure.
 */

export interface Token {
  readonly text: string;
  readonly line: number;
}

/** One entry of a `smtp_tls_policy_maps` table. */
export interface PolicyEntry {
  readonly key: string;
  readonly line: number;
  /** The level and the attributes, which blanks or commas separate. */
  readonly tokens: readonly Token[];
}

export interface PolicyMap {
  readonly entries: readonly PolicyEntry[];
  /** Lines that go on with none. */
  readonly stray: readonly Token[];
}

export function parsePolicyMap(text: string): PolicyMap {
  const entries: (PolicyEntry & { tokens: Token[] })[] = [];
  const stray: Token[] = [];
  for (const [index, whole] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = index + 1;
    if (/^\s*(?:#.*)?$/.test(whole)) continue;
    if (/^\s/.test(whole)) {
      const last = entries.at(-1);
      if (last === undefined) stray.push({ text: whole.trim(), line });
      else last.tokens.push(...tokensOf(whole, line));
      continue;
    }
    // Keys with blanks in them stand in quotes.
    const [, quoted, plain = '', rest = ''] = /^(?:"((?:[^"\\]|\\.)*)"|(\S+))(.*)$/.exec(whole) ?? [];
    entries.push({ key: quoted ?? plain, line, tokens: tokensOf(rest, line) });
  }
  return { entries, stray };
}

/** `{ name = value }` is one token, whatever blanks are in it. */
function tokensOf(text: string, line: number): Token[] {
  return [...text.matchAll(/\{[^}]*\}|[^\s,]+/g)].map(([token]) => ({ text: token, line }));
}

/** Whether `text` is more likely such a table than CSV. */
export function looksLikePolicyMap(text: string): boolean {
  const { entries } = parsePolicyMap(text);
  return entries.some(({ tokens: [first] }) => levelWord.test(first?.text ?? ''));
}

const levelWord = /^(?:none|may|encrypt|(?:half-)?dane(?:-only)?|fingerprint|verify|secure)$/i;
