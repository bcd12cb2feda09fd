/** What the hosts of a fleet sign for each other. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../settings/load/secrets';

export { readSecrets, type Secrets, type SecretsReading } from '../settings/load/secrets';

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
