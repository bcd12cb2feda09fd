/** What a process has of its fleet: the connection, and what is shared over it. */
import { hostname } from 'node:os';
import type { Log } from '../log';
import type { ConfigFiles } from '../settings/haraka/config_files';
import { redisServer, type RedisServer } from '../settings/haraka/redis_ini';
import { rulesDigest } from '../settings/load/rules_digest';
import type { GlobalSettings, Settings } from '../settings/schema/types';
import { printable } from '../text';
import { connectFleet, type FleetRedis } from './connection';
import { fleetRecord, type FleetRecord } from './evidence/record';
import { HostRules } from './host_rules';
import { createNotices, type FleetNotices } from './notices';
import { FleetPolicies } from './policies';
import { readSecrets, type SecretsReading } from './secret';

export interface Fleet {
  readonly redis: FleetRedis;
  /** What this host is called. */
  readonly host: string;
  /** `undefined` where there is no secret that vouches for them. */
  readonly policies: FleetPolicies | undefined;
  readonly notices: FleetNotices;
  readonly rules: HostRules;
  /** What has happened; `undefined` where a secret is named that cannot be read, for nobody knows then whom to believe. */
  readonly record: FleetRecord | undefined;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly settings: GlobalSettings['fleet'];
  /** All that is in force now. */
  readonly rules: () => Settings;
  readonly files: ConfigFiles;
  readonly log: Log;
}

/** Connects in the background; what cannot be shared for want of a secret is not. @throws Error where redis.ini cannot be read */
export function openFleet({ settings, rules: rulesNow, files, log }: FleetOptions): Fleet {
  const redis = connectFleet({ server: fleetServer(settings, files), prefix: settings.prefix, log });
  const host = settings.name === '' ? hostname() : settings.name;
  const reading = secretsOf(settings, files);
  if (reading.kind === 'none' && settings.keyFile !== '')
    log.error(
      `fleet: neither policies nor counts are shared: key_file ${settings.keyFile}: ${printable(reading.why)}`,
    );
  const secrets = reading.kind === 'secrets' ? reading.secrets : undefined;
  const about = { redis, host, log, now: () => Date.now() };
  const policies = secrets && new FleetPolicies({ ...about, secrets });
  const notices = createNotices({ ...about, secrets });
  const rules = new HostRules({ ...about, secrets, digest: () => rulesDigest(rulesNow()) });
  const record =
    secrets === undefined && settings.keyFile !== '' ? undefined : fleetRecord(redis, host, secrets);
  const close = (): Promise<void> => {
    rules.close();
    return redis.close();
  };
  return { redis, host, policies, notices, rules, record, close };
}

/** The server of redis.ini, with the database that [fleet] names. @throws Error where the file cannot be read */
export function fleetServer({ db }: GlobalSettings['fleet'], files: ConfigFiles): RedisServer {
  const reading = files.read('redis.ini');
  if (reading.kind === 'unreadable') throw new Error(`redis.ini: ${reading.problem}`);
  const server = redisServer(files);
  return db === '' ? server : { ...server, database: Number(db) };
}

/** What `key_file` holds. */
export function secretsOf({ keyFile }: GlobalSettings['fleet'], files: ConfigFiles): SecretsReading {
  if (keyFile === '') return { kind: 'none', why: 'none is named' };
  const reading = files.read(keyFile);
  if (reading.kind === 'file') return readSecrets(reading.text);
  return { kind: 'none', why: reading.kind === 'absent' ? 'there is no such file' : reading.problem };
}
