/** How much of a line text takes on a terminal, and where it is broken to fit. Pure. */
import { eastAsianWidth } from 'get-east-asian-width';

/**
 * Columns that `text` takes at most: East Asian wide and fullwidth characters take two (UAX 11), marks none. Terminals
 * differ on some emoji; what is counted here is never too little. For text without control characters.
 */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += characterWidth(char);
  return width;
}

function characterWidth(char: string): number {
  // VARIATION SELECTOR-16 makes some characters one column wider, on some terminals.
  if (char === '\u{fe0f}') return 1;
  return /^[\p{Mn}\p{Me}]$/u.test(char) ? 0 : eastAsianWidth(char.codePointAt(0) ?? 0);
}

/** `text` followed by blanks up to `width` columns. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** `text` in pieces of at most `width` columns, which is at least 2. Marks stay with what they are on. */
export function pieces(text: string, width: number): string[] {
  const found: string[] = [];
  let piece = '';
  let taken = 0;
  for (const char of text) {
    const wide = characterWidth(char);
    if (taken + wide > width && piece !== '') {
      found.push(piece);
      [piece, taken] = ['', 0];
    }
    piece += char;
    taken += wide;
  }
  return piece === '' ? found : [...found, piece];
}

/** The beginning of `text` in at most `width` columns; three dots show that something is left out. */
export function shortened(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return `${pieces(text, Math.max(2, width - 3))[0] ?? ''}...`;
}
