/** Text of all code points, the halves of pairs among them, now and then with names that are dear to JavaScript. */
import fc from 'fast-check';

// fast-check's own `unit: 'binary'` lists a million code points in each process, which takes a second.
const anyCodePoint = fc.nat({ max: 0x10ffff }).map((codePoint) => String.fromCodePoint(codePoint));

export function anyText(lengths: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ ...lengths, unit: anyCodePoint }) },
    { weight: 1, arbitrary: fc.string(lengths) },
  );
}
