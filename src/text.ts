/** Text for people: log lines, replies, reports. Pure. */

/**
 * `text` from outside as one printable line: control characters, line separators and bidirectional overrides are
 * written as escapes, and what is longer than `limit` characters is cut, which three dots show.
 */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
