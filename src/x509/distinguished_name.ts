/** Distinguished names compared as RFC 5280 section 7.1 has it, or a little more strictly. */
import { nameAttributes } from './certificate';
import { MalformedDer, children, readText, soleElement } from './der';

/** Whether two names (RDNSequence, DER) are the same. A name that cannot be read is the same as none. */
export function sameDistinguishedName(a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.compare(a, b) === 0) return true;
  const [first, second] = [comparable(a), comparable(b)];
  return typeof first === 'string' && first === second;
}

/**
 * A name (RDNSequence, DER) as text for comparison: string type, letter case and runs of spaces do not count. Each relative
 * name ends in a line feed, which none contains: a name below another in the directory begins with its text.
 *
 * @throws MalformedDer
 */
export function comparableName(name: Uint8Array): string {
  const found = comparable(name);
  if (typeof found === 'string') return found;
  throw found;
}

const known = new WeakMap<Uint8Array, string | MalformedDer>();

/** Found out once for each array of octets, because a peer may have the same name compared very often. */
function comparable(name: Uint8Array): string | MalformedDer {
  const before = known.get(name);
  if (before !== undefined) return before;
  const found = readComparable(name);
  known.set(name, found);
  return found;
}

function readComparable(name: Uint8Array): string | MalformedDer {
  try {
    return children(soleElement(name))
      .map((rdn) => `${nameAttributes(rdn).map(comparableAttribute).sort().join()}\n`)
      .join('');
  } catch (error) {
    if (error instanceof MalformedDer) return error;
    throw error;
  }
}

function comparableAttribute([oid, value]: ReturnType<typeof nameAttributes>[number]): string {
  const text = readText(value)?.toLowerCase().trim().replace(/\s+/g, ' ');
  return JSON.stringify([oid, text ?? Buffer.from(value.raw).toString('hex')]);
}
