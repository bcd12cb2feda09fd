/** redis.ini: where Haraka's plugins find Redis, by the conventions of haraka-plugin-redis. */
import { iniValues, isTrue, type ConfigFiles } from './config_files';

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** Of a UNIX socket, which then takes the place of host and port; empty for none. */
  readonly path: string;
  readonly tls: boolean;
  /** Empty for none, as the password. */
  readonly username: string;
  readonly password: string;
  readonly database: number;
  /** `redis://…` or `rediss://…`, of which what it names takes precedence; empty for none. */
  readonly url: string;
}

/**
 * `[server]` over `[opts]`, as `load_redis_ini` and `merge_redis_ini` have it: `ip` is an old name of `host`, `db` one of
 * `database`. What nobody wrote is 127.0.0.1, port 6379, database 0.
 */
export function redisServer(files: ConfigFiles): RedisServer {
  const ini = iniValues(files, 'redis.ini');
  const values = { ...ini['opts'], ...ini['server'] };
  const text = (...names: string[]): string =>
    names
      .map((name) => values[name])
      .filter((one) => typeof one === 'string' || typeof one === 'number')
      .map((one) => String(one).trim())
      .find((one) => one !== '') ?? '';
  return {
    host: text('host', 'ip') || '127.0.0.1',
    port: numberOf(text('port')) ?? 6379,
    path: text('path'),
    tls: isTrue(text('tls')),
    username: text('username'),
    password: text('password'),
    database: numberOf(text('database', 'db')) ?? 0,
    url: text('url'),
  };
}

/** For people; never with the password. */
export function redisPlace({ host, port, path, url, database }: RedisServer): string {
  const place = url === '' ? (path === '' ? `${host}:${port}` : path) : placeOf(url);
  return database === 0 ? place : `${place}, database ${database}`;
}

function placeOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the url of redis.ini';
}

function numberOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
