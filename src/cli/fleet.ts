/** The fleet, as a command sees it: it connects, asks, and is gone. */
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as bundle from '../fleet/bundle';
import type { Fleet } from '../fleet/fleet';
import type { HostRecord } from '../fleet/host_rules';
import { silent } from '../log';
import type { ConfigFiles } from '../settings/haraka/config_files';
import { rulesDigest } from '../settings/load/rules_digest';
import type { Settings } from '../settings/schema/types';
import { messageOf } from '../text';

/** For a server that a person waits for. Milliseconds. */
const connectPatience = 2_000;

export type Joined =
  | { readonly kind: 'joined'; readonly fleet: Fleet }
  /** Nothing is shared here. */
  | { readonly kind: 'alone' }
  | { readonly kind: 'away'; readonly why: string };

/** Connects where `[fleet] redis` is on. The fleet is to be closed. Never rejects. */
export async function joinFleet(rules: Settings, files: ConfigFiles): Promise<Joined> {
  const { fleet: settings } = rules.global;
  if (!settings.redis) return { kind: 'alone' };
  let why = 'it does not answer';
  const warn = (line: string): void => {
    why = line.replace(/^fleet: /, '').replace(/; this host goes on by itself$/, '');
  };
  try {
    const fleet = loadFleet().openFleet({ settings, rules: () => rules, files, log: { ...silent, warn } });
    if (await fleet.redis.ready(connectPatience)) return { kind: 'joined', fleet };
    await fleet.close();
    return { kind: 'away', why };
  } catch (error) {
    return { kind: 'away', why: messageOf(error) };
  }
}

/** Why nothing is shared now; empty where it is, or is not meant to be. Never rejects. */
export async function fleetProblem(joined: Joined): Promise<string> {
  if (joined.kind === 'alone') return '';
  if (joined.kind === 'away') return `${joined.why}: nothing is shared`;
  const { redis } = joined.fleet;
  const trial = redis.run(connectPatience, (client) =>
    client.set(redis.key('trial'), '1', { expiration: { type: 'PX', value: 1_000 } }),
  );
  return trial.then(
    () => '',
    (error: unknown) => `it takes no writes: ${messageOf(error)}`,
  );
}

/** The file beside the command, or, where this runs from its sources, the one that was built of them. */
export function loadFleet(): typeof bundle {
  const built = path.basename(__dirname) === 'cli' ? path.join(__dirname, '../../dist') : __dirname;
  return createRequire(__filename)(path.join(built, 'fleet.cjs')) as typeof bundle;
}

/** The digest of the rules in the files, and of those that each host of the fleet has in force, for people. */
export interface FleetRules {
  readonly digest: string;
  readonly hosts: readonly HostRecord[];
}

/** Of the files alone where the fleet is not asked, or does not answer. Never rejects. */
export async function fleetRules(settings: Settings, joined: Joined): Promise<FleetRules> {
  const digest = await rulesDigest(settings);
  const hosts = joined.kind === 'joined' ? await joined.fleet.rules.records().catch(() => []) : [];
  return { digest, hosts: [...hosts].sort((a, b) => (a.host < b.host ? -1 : 1)) };
}
