/**
 * Trimming in one pass. A pattern such as `/[ \t]+$/` takes quadratic time on a long run of blanks that is not at the
 * end, which anybody can publish.
 */

/** `text` without spaces and tabs (WSP of RFC 5234) at its ends. */
export function trimBlanks(text: string): string {
  let end = text.length;
  while (isBlank(text, end - 1)) end--;
  return trimLeadingBlanks(text.slice(0, end));
}

export function trimLeadingBlanks(text: string): string {
  let start = 0;
  while (isBlank(text, start)) start++;
  return text.slice(start);
}

/** `text` without LF and CRLF at its end. */
export function trimLineEnds(text: string): string {
  let end = text.length;
  while (text.charAt(end - 1) === '\n') end -= text.charAt(end - 2) === '\r' ? 2 : 1;
  return text.slice(0, end);
}

function isBlank(text: string, index: number): boolean {
  const char = text.charAt(index);
  return char === ' ' || char === '\t';
}
