/** redis.ini, beside what haraka-plugin-redis makes of it. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { parseIni, type ConfigFiles } from '../../../src/settings/haraka/config_files';
import { redisPlace, redisServer } from '../../../src/settings/haraka/redis_ini';

interface Merged {
  readonly socket: { readonly host: string; readonly port: number | string; readonly path?: string };
  readonly database?: number;
  readonly username?: string;
  readonly password?: string | number;
}

interface Plugin {
  load_redis_ini(this: unknown): void;
  merge_redis_ini(this: unknown): void;
}

const plugin = createRequire(import.meta.url)('haraka-plugin-redis') as Plugin;

/** What a plugin that inherits haraka-plugin-redis would connect with. */
function mergedByHaraka(text: string): Merged {
  const inheriting = {
    ...plugin,
    config: { get: () => parseIni('redis.ini', text) },
    cfg: undefined as { redis: Merged } | undefined,
  };
  inheriting.load_redis_ini();
  inheriting.merge_redis_ini();
  return inheriting.cfg!.redis;
}

const filesWith = (text: string): ConfigFiles => ({
  read: (name) => (name === 'redis.ini' ? { kind: 'file', text } : { kind: 'absent' }),
  parse: parseIni,
});

describe.each([
  [''],
  ['[server]\n'],
  ['[server]\nhost = redis.example\nport = 6380\n'],
  ['[server]\nip = 192.0.2.1\n'],
  ['[server]\nip = 192.0.2.1\nhost = redis.example\n'],
  ['[server]\npath = /run/redis.sock\n'],
  ['[server]\ndatabase = 3\n'],
  ['[server]\ndb = 4\n'],
  ['[server]\ndb = 4\ndatabase = 3\n'],
  ['[opts]\npassword = secret\ndatabase = 2\n'],
  ['[opts]\npassword = secret\n[server]\npassword = other\nusername = me\n'],
  ['[opts]\nhost = one.example\n[server]\nhost = two.example\n'],
  ['[server]\npassword = 12345\n'],
  ['[pubsub]\nhost = elsewhere.example\n'],
])('%j', (text) => {
  it('is read as the plugin reads it', () => {
    const merged = mergedByHaraka(text);
    const read = redisServer(filesWith(text));
    expect({ ...read, tls: false, url: '' }).toEqual({
      host: merged.socket.host,
      port: Number(merged.socket.port),
      path: merged.socket.path ?? '',
      tls: false,
      username: merged.username ?? '',
      password: String(merged.password ?? ''),
      database: merged.database ?? 0,
      url: '',
    });
  });
});

it('has TLS where it says so, although it is text that says it', () => {
  expect(redisServer(filesWith('[server]\ntls = true\n')).tls).toBe(true);
  expect(redisServer(filesWith('[server]\ntls = no\n')).tls).toBe(false);
});

it.each([
  ['[server]\nhost = a.example\npassword = hush\n', 'a.example:6379'],
  ['[server]\nurl = rediss://me:hush@b.example:7000/2\n', 'b.example:7000'],
  ['[server]\npath = /run/redis.sock\ndatabase = 2\n', '/run/redis.sock, database 2'],
  ['[server]\nurl = hush\n', 'the url of redis.ini'],
])('%j is named without its password', (text, place) => {
  expect(redisPlace(redisServer(filesWith(text)))).toBe(place);
});
