/**
 * What is kept in Redis of one policy, and back. Who can write there must not decide policy: each entry is signed, bound to its key
 * and its time, and what comes back is read as if it came from the network. Pure.
 */
import { fieldsIn } from '../json_lines';
import { parsePolicy, serializePolicy } from '../mta_sts/policy';
import { isPolicyId } from '../mta_sts/record';
import { expiryOf, type SharedFailure } from '../mta_sts/shared_policies';
import type { PolicyKey, StoredPolicy } from '../mta_sts/store';
import { failureStatus, type FailureReason } from '../failure';
import { isSigned, sign, type Secrets } from './secret';

/** Clocks of one fleet may be so far apart: what is from a later time than that is refused. Milliseconds. */
export const clockSkew = 5_000;
/** A lock that is older was left behind, or is replayed. Milliseconds. */
export const lockLife = 30_000;
/** A policy is at most 64 KB, JSON may double that; what is larger was not written by us. Characters. */
const largest = 256 * 1024;
/** The text of a failure. Characters. */
const longestText = 600;

export type Decoded<T> =
  | { readonly kind: 'good'; readonly value: T }
  /** Its time is over, as it is for every entry one day. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'refused'; readonly why: string };

export function encodePolicy(secrets: Secrets, host: string, stored: StoredPolicy): string {
  const { domain, roots, id, fetchedAt } = stored;
  const policy = serializePolicy(stored.policy);
  const mac = sign(secrets, 'policy 1', [domain, roots, id, fetchedAt, policy, host]);
  return JSON.stringify({ domain, roots, id, fetchedAt, policy, host, mac });
}

/** @param key what it was found under, or `undefined` where it came by itself */
export function decodePolicy(
  text: string,
  { secrets, key, now }: { readonly secrets: Secrets; readonly key?: PolicyKey; readonly now: number },
): Decoded<StoredPolicy & { readonly host: string }> {
  const value = parse(text);
  if (value === undefined) return refused('it is damaged');
  const texts = textsOf(value, 'domain', 'roots', 'id', 'policy', 'host', 'mac');
  const { fetchedAt } = value;
  if (texts === undefined || !isTime(fetchedAt)) return incomplete;
  const { domain, roots, id, policy, host, mac } = texts;
  if (!isSigned(secrets, 'policy 1', [domain, roots, id, fetchedAt, policy, host], mac)) return unsigned;
  if (!isPolicyId(id)) return refused('its id is not valid');
  if (key !== undefined && (key.domain !== domain || key.roots !== roots))
    return refused('it belongs elsewhere');
  if (fetchedAt > now + clockSkew) return refused('it is from the future');
  const parsed = parsePolicy(policy);
  if (!parsed.ok) return refused(`its policy is not valid: ${parsed.fault.rule}`);
  // A clock that is a little ahead must not prolong it.
  const stored = { domain, roots, id, fetchedAt: Math.min(fetchedAt, now), policy: parsed.policy, host };
  return now >= expiryOf(stored) ? { kind: 'expired' } : { kind: 'good', value: stored };
}

export function encodeFailure(secrets: Secrets, host: string, failed: SharedFailure): string {
  const { domain, roots, id, failures, failedAt, failure } = failed;
  const text = failure.text.slice(0, longestText);
  const mac = sign(secrets, 'failure 1', [domain, roots, id, failures, failedAt, failure.reason, text, host]);
  const { reason } = failure;
  return JSON.stringify({ domain, roots, id, failures, failedAt, reason, text, host, mac });
}

export function decodeFailure(
  text: string,
  { secrets, key, now }: { readonly secrets: Secrets; readonly key: PolicyKey; readonly now: number },
): Decoded<SharedFailure & { readonly host: string }> {
  const value = parse(text);
  if (value === undefined) return refused('it is damaged');
  const texts = textsOf(value, 'domain', 'roots', 'id', 'reason', 'text', 'host', 'mac');
  const { failures, failedAt } = value;
  if (texts === undefined || !isTime(failures) || !isTime(failedAt)) return incomplete;
  const { domain, roots, id, reason, text: why, host, mac } = texts;
  if (!isFailureReason(reason)) return incomplete;
  const signed = [domain, roots, id, failures, failedAt, reason, why, host];
  if (!isSigned(secrets, 'failure 1', signed, mac)) return unsigned;
  if (key.domain !== domain || key.roots !== roots) return refused('it belongs elsewhere');
  if (failedAt > now + clockSkew) return refused('it is from the future');
  const failure = { reason, text: why };
  return {
    kind: 'good',
    value: { domain, roots, id, failures, failedAt: Math.min(failedAt, now), failure, host },
  };
}

/** @param nonce tells this lock from every other */
export function encodeLock(
  secrets: Secrets,
  { domain, roots }: PolicyKey,
  nonce: string,
  now: number,
): string {
  return JSON.stringify({ at: now, nonce, mac: sign(secrets, 'lock 1', [domain, roots, nonce, now]) });
}

/** Whether a host of the fleet took it lately: a lock that somebody else put there holds nobody up. */
export function isLocked(text: string, secrets: Secrets, { domain, roots }: PolicyKey, now: number): boolean {
  const value = parse(text);
  if (value === undefined) return false;
  const texts = textsOf(value, 'nonce', 'mac');
  const { at } = value;
  if (texts === undefined || !isTime(at)) return false;
  const { nonce, mac } = texts;
  return (
    at <= now + clockSkew &&
    now < at + lockLife &&
    isSigned(secrets, 'lock 1', [domain, roots, nonce, at], mac)
  );
}

const incomplete = refused('it is incomplete');
const unsigned = refused('it is not signed with the secret of key_file');

function refused(why: string) {
  return { kind: 'refused', why } as const;
}

/** Any of its fields may be anything. */
type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields | undefined {
  return text.length > largest ? undefined : fieldsIn(text);
}

/** `undefined` where one of them is no text. */
function textsOf<Name extends string>(of: Fields, ...names: Name[]): Record<Name, string> | undefined {
  const all = names.every((name) => typeof of[name] === 'string');
  return all ? (of as Record<Name, string>) : undefined;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFailureReason(text: string): text is FailureReason {
  return Object.hasOwn(failureStatus, text);
}
