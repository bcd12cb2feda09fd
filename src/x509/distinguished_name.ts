/** Distinguished names compared as RFC 5280 section 7.1 has it, or a little more strictly. */
import { nameAttributes } from './certificate';
import { MalformedDer, children, readText, soleElement } from './der';

/** Whether two names (RDNSequence, DER) are the same. A name that cannot be read is the same as none. */
export function sameDistinguishedName(a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.compare(a, b) === 0) return true;
  try {
    const [first, second] = [comparableRdns(a), comparableRdns(b)];
    return first.length === second.length && second.every((rdn, index) => first[index] === rdn);
  } catch (error) {
    if (error instanceof MalformedDer) return false;
    throw error;
  }
}

/** Whether `name` is `base` or something below it in the directory. @throws MalformedDer */
export function isWithinDirectory(name: Uint8Array, base: Uint8Array): boolean {
  const have = comparableRdns(name);
  return comparableRdns(base).every((rdn, index) => have[index] === rdn);
}

/** Each relative name as text for comparison: string type, letter case and runs of spaces do not count. */
function comparableRdns(name: Uint8Array): string[] {
  return children(soleElement(name)).map((rdn) =>
    nameAttributes(rdn)
      .map(([oid, value]) => {
        const text = readText(value)?.toLowerCase().trim().replace(/\s+/g, ' ');
        return JSON.stringify([oid, text ?? Buffer.from(value.raw).toString('hex')]);
      })
      .sort()
      .join(),
  );
}
