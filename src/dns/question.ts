/** What is asked: record types by name and number, and the key under which a question is shared and cached. */

/** The record types that this resolver asks for (IANA "Resource Record (RR) TYPEs"). */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  DNSKEY: 48,
  TLSA: 52,
} as const;

export type RecordType = keyof typeof recordTypes;

export interface Question {
  /** Canonical form; empty for the root. */
  readonly name: string;
  readonly type: RecordType;
  /** `able_to_tell`: only resolvers that can tell what DNSSEC vouches for; all of them where absent. */
  readonly resolvers?: 'able_to_tell';
}

/** `example.com MX`, the way a question is written in logs. */
export function questionText({ name, type }: Question): string {
  return `${name === '' ? '.' : name} ${type}`;
}

/**
 * A question as written in a setting, such as `. NS` or `example.com SOA`.
 *
 * @returns `undefined` where the type is unknown or the name could not be asked for.
 */
export function parseQuestion(text: string): Question | undefined {
  const match = /^(\S+)\s+([A-Za-z]+)$/.exec(text.trim());
  const [, owner = '', typeName = ''] = match ?? [];
  const type = (Object.keys(recordTypes) as RecordType[]).find((known) => known === typeName.toUpperCase());
  if (match === null || type === undefined) return undefined;
  const name = owner.toLowerCase().replace(/\.$/, '');
  return isAskable(name) ? { name, type } : undefined;
}

/**
 * Whether `name` can be put into a question as it stands: lower-case printable labels of 1 to 63 octets, 253 in all
 * (RFC 1035 section 2.3.4). The root is the empty name.
 */
export function isAskable(name: string): boolean {
  return (
    name === '' || (name.length <= 253 && name.split('.').every((label) => /^[!-@[-~]{1,63}$/.test(label)))
  );
}
