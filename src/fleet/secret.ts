/** The secret that the hosts of a fleet share, and what is signed with it. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** As much as guessing must take: 32 characters, of which base64 has 6 bits each. */
const shortest = 32;

/** One or more: the first signs, and all are believed, so that a secret can be replaced host by host. */
export type Secrets = readonly [string, ...string[]];

export type SecretsReading =
  { readonly kind: 'secrets'; readonly secrets: Secrets } | { readonly kind: 'none'; readonly why: string };

/** @param text of the file that `key_file` names: a secret on each line */
export function readSecrets(text: string): SecretsReading {
  const [first, ...others] = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (first === undefined) return { kind: 'none', why: 'it is empty' };
  const isShort = [first, ...others].some((secret) => secret.length < shortest);
  return isShort
    ? { kind: 'none', why: `a secret is shorter than ${shortest} characters` }
    : { kind: 'secrets', secrets: [first, ...others] };
}

/** Over the parts as JSON, which tells where each of them ends. `purpose`: what is signed for one must not count for another. */
export function sign([secret]: Secrets, purpose: string, parts: readonly (string | number)[]): string {
  return macOf(secret, purpose, parts);
}

/** Whether one of the secrets signed it. */
export function isSigned(
  secrets: Secrets,
  purpose: string,
  parts: readonly (string | number)[],
  mac: string,
): boolean {
  const given = Buffer.from(mac);
  return secrets.some((secret) => {
    const right = Buffer.from(macOf(secret, purpose, parts));
    return right.length === given.length && timingSafeEqual(right, given);
  });
}

function macOf(secret: string, purpose: string, parts: readonly (string | number)[]): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['tls-peers', purpose, ...parts]))
    .digest('base64url');
}
