/** A client of Redis as this suite uses it: nothing is queued while it is away, and it does not reconnect by itself. */
import { createClient } from '@redis/client';
import type { RedisServer } from '../settings/haraka/redis_ini';

export type RedisClient = ReturnType<typeof newClient>;

/** Commands that wait for their reply, at most; further ones are refused. */
const mostCommands = 10_000;

export function newClient({ host, port, path, tls, username, password, database, url }: RedisServer) {
  const at = path === '' ? { host, port, ...(tls ? { tls: true as const } : {}) } : { path };
  const client = createClient({
    // What every server speaks, also those from before Redis 6.
    RESP: 2,
    socket: { ...at, reconnectStrategy: false },
    ...(url === '' ? {} : { url }),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: mostCommands,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
  // A Haraka that ends does not wait for it.
  client.unref();
  return client;
}

export function destroy(client: RedisClient): void {
  try {
    client.destroy();
  } catch {
    // It had ended by itself.
  }
}
