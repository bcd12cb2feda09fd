/** A digest of the rules in force: two hosts with the same one hold mail to the same rules. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Settings } from '../schema/types';

/** Where things stand, what people note, and where each host has its files: none of it is a rule. */
const aside: ReadonlySet<string> = new Set([
  'name',
  'file',
  'line',
  'lines',
  'comment',
  'failure',
  'certificateFile',
  'keyFile',
]);

/** Characters between two pauses: deliveries must not wait for it. */
const atOnce = 200_000;

/**
 * Of the defaults and peers of both directions, of every managed domain with the policy that it publishes, and of what `ca_file` and
 * the like hold. Comments, the order of sections and the rest of `tls-peers.ini` make no difference.
 *
 * @returns 16 hex digits
 */
export async function rulesDigest({ validity, global, domains }: Settings): Promise<string> {
  const { outbound, inbound, outboundPeers, inboundPeers } = global;
  const hash = createHash('sha256');
  let since = 0;
  const take = async (part: unknown): Promise<void> => {
    const text = JSON.stringify(canonical(part));
    hash.update(`${text}\n`);
    since += text.length;
    if (since < atOnce) return;
    since = 0;
    await setImmediate();
  };
  await take([validity.kind, outbound, inbound]);
  for (const peers of [outboundPeers, inboundPeers]) {
    for (const map of [peers.names, peers.wildcards])
      for (const name of [...map.keys()].sort()) await take([name, map.get(name)]);
    await take(peers.networks);
  }
  for (const name of [...domains.keys()].sort()) await take([name, domains.get(name)]);
  return hash.digest('hex').slice(0, 16);
}

/** Plain data that reads the same however it came about. */
function canonical(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(canonical);
  if (value instanceof Map)
    return [...(value as Map<unknown, unknown>)]
      .map(([key, of]) => [String(key), canonical(of)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !aside.has(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, of]) => [key, canonical(of)]),
  );
}
