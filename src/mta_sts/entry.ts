/** One stored policy as the text of a file, and back. Pure. */
import { createHash } from 'node:crypto';
import { parsePolicy, serializePolicy } from './policy';
import { formatAge } from '../state/format';
import { keyText, type PolicyKey, type StoredPolicy } from './store';

const format = 1;
const suffix = '.json';

export type Decoded =
  | { readonly kind: 'whole'; readonly stored: StoredPolicy }
  /** Written by a newer version of the suite: not to be replaced, and not to be removed. */
  | { readonly kind: 'newer' }
  | { readonly kind: 'damaged'; readonly why: string };

/** A digest rather than the domain: any domain makes a valid file name, and none can point elsewhere. */
export function entryName(key: PolicyKey): string {
  return `${sha256(keyText(key))}${suffix}`;
}

export function isEntryName(name: string): boolean {
  return /^[0-9a-f]{64}\.json$/.test(name);
}

export function encodeEntry({ domain, roots, id, fetchedAt, policy }: StoredPolicy): string {
  const content = { domain, roots, id, fetchedAt, policy: serializePolicy(policy) };
  return `${JSON.stringify({ format, ...content, sha256: digestOf(content) })}\n`;
}

/** Reads what `encodeEntry` wrote. Never throws. `name`: that of the file, which must be the one for the content. */
export function decodeEntry(text: string, name: string): Decoded {
  const value = parseObject(text);
  if (value === undefined) return damaged('not a JSON object');
  const { domain, roots, id, fetchedAt, policy } = value;
  const age = formatAge(value, format);
  if (age === 'newer') return { kind: 'newer' };
  if (age === 'damaged') return damaged('of a format that nobody knows');
  if (typeof domain !== 'string' || typeof roots !== 'string' || typeof id !== 'string')
    return damaged('incomplete');
  if (typeof policy !== 'string' || !isTime(fetchedAt)) return damaged('incomplete');
  if (value.sha256 !== digestOf({ domain, roots, id, fetchedAt, policy }))
    return damaged('its digest does not match');
  if (name !== entryName({ domain, roots })) return damaged('it belongs under another name');
  const parsed = parsePolicy(policy);
  if (!parsed.ok) return damaged(parsed.fault.rule);
  return { kind: 'whole', stored: { domain, roots, id, fetchedAt, policy: parsed.policy } };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Against torn writes and bad disks, not against people: those who can write here can write the digest as well. */
function digestOf(content: {
  domain: string;
  roots: string;
  id: string;
  fetchedAt: number;
  policy: string;
}): string {
  const { domain, roots, id, fetchedAt, policy } = content;
  return sha256(JSON.stringify([domain, roots, id, fetchedAt, policy]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function damaged(why: string): Decoded {
  return { kind: 'damaged', why };
}
