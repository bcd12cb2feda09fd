/**
 * What is asked of Redis in one step. A copy is only ever changed from the state that its publisher knows: what is sent twice, or
 * arrives after something newer, changes nothing.
 */
import { RESP_TYPES } from '@redis/client';
import type { RedisClient } from '../connection';
import { longestState } from './copy_state';
import { longestPiece } from './piece';

/** Files of one day, and pieces of one file, that are looked at. */
export const mostFiles = 20_000;
export const mostPieces = 4_096;
/** Octets of pieces in one answer, beyond which comes at most one more. */
const pageOctets = 1 << 20;

/** What is there of a file, where all of it is there: Redis may have put out the pieces to make room. */
const stateOf = `
local function kind(key) return redis.call('TYPE', key).ok end
local function stateOf(index, list, file)
  if kind(index) ~= 'hash' or kind(list) ~= 'list' then return '' end
  local state = redis.call('HGET', index, file) or ''
  local pieces = tonumber(string.match(state, '^1 %d+ (%d+) '))
  return pieces == redis.call('LLEN', list) and state or ''
end
`;

const publishScript = `${stateOf}
local index, list = KEYS[1], KEYS[2]
local file, expected, state, ttl, how = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local was = stateOf(index, list, file)
if was ~= expected then return was end
if kind(index) ~= 'hash' then redis.call('DEL', index) end
redis.call('HSET', index, file, state)
if how == 'whole' then redis.call('DEL', list) end
for at = 6, #ARGV do redis.call('RPUSH', list, ARGV[at]) end
for _, key in ipairs(KEYS) do
  if redis.call('TTL', key) < ttl then redis.call('EXPIRE', key, ttl) end
end
return state
`;

export interface Publication {
  readonly index: string;
  readonly list: string;
  readonly file: string;
  /** What Redis is known to have; empty for nothing. */
  readonly expected: string;
  /** What it is to have. */
  readonly state: string;
  /** Seconds. */
  readonly ttl: number;
  /** Whether `pieces` come behind those that are there, or in their place. */
  readonly how: 'more' | 'whole';
  readonly pieces: readonly Buffer[];
}

/** @returns what Redis has now: `state`, or what it had all along where that is not what was expected */
export async function publish(client: RedisClient, one: Publication): Promise<string> {
  const { index, list, file, expected, state, ttl, how, pieces } = one;
  const reply: unknown = await client.eval(publishScript, {
    keys: [index, list],
    arguments: [file, expected, state, String(ttl), how, ...pieces],
  });
  return String(reply);
}

const removeScript = `
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('DEL', KEYS[2])
`;

export async function remove(
  client: RedisClient,
  { index, list, file }: Pick<Publication, 'index' | 'list' | 'file'>,
): Promise<void> {
  await client.eval(removeScript, { keys: [index, list], arguments: [file] });
}

const statesScript = `${stateOf}
local states = {}
for at, file in ipairs(ARGV) do states[at] = stateOf(KEYS[1], KEYS[at + 1], file) end
return states
`;

/** What is there of each of these files of one day; empty for nothing. */
export async function states(
  client: RedisClient,
  index: string,
  files: readonly { readonly file: string; readonly list: string }[],
): Promise<string[]> {
  const reply: unknown = await client.eval(statesScript, {
    keys: [index, ...files.map(({ list }) => list)],
    arguments: files.map(({ file }) => file),
  });
  return Array.isArray(reply) ? reply.map(String) : [];
}

const filesScript = `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {} end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then return redis.error_reply('TOOMANY files of one day') end
local all, found = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #all, 2 do
  if #all[at] <= 16 and #all[at + 1] <= tonumber(ARGV[2]) then
    found[#found + 1] = all[at]
    found[#found + 1] = all[at + 1]
  end
end
return found
`;

/** All files of a day and what is there of them, as it is written there. */
export async function listedFiles(
  client: RedisClient,
  index: string,
): Promise<[file: string, state: string][]> {
  const reply: unknown = await client.eval(filesScript, {
    keys: [index],
    arguments: [String(mostFiles), String(longestState)],
  });
  const words = Array.isArray(reply) ? reply.map(String) : [];
  return words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? '']] : []));
}

/** A piece that is longer than any of ours comes empty: it is not looked at here. */
const piecesScript = `
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then return {} end
local at, to, most, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found, octets = {}, 0
while at < to and octets < most do
  local some = redis.call('LRANGE', KEYS[1], at, math.min(at + 15, to - 1))
  if #some == 0 then break end
  for _, piece in ipairs(some) do
    if octets >= most then break end
    found[#found + 1] = #piece <= longest and piece or ''
    octets = octets + #found[#found] + 64
    at = at + 1
  end
end
return found
`;

/** Some of the pieces from `at` on, before `to`; none where there are no more. */
export async function piecesFrom(
  client: RedisClient,
  list: string,
  at: number,
  to: number,
): Promise<Buffer[]> {
  const reply: unknown = await client
    .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    .eval(piecesScript, {
      keys: [list],
      arguments: [at, to, pageOctets, longestPiece].map(String),
    });
  return Array.isArray(reply) ? reply.filter((one): one is Buffer => Buffer.isBuffer(one)) : [];
}
