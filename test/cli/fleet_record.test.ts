/** What commands, and the page, show of the record where several hosts share it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unseen, type Sighting } from '../../src/evidence/sighting';
import { createFileWriter } from '../../src/evidence/store/file_writer';
import type { FleetRedis } from '../../src/fleet/connection';
import { EvidencePublisher } from '../../src/fleet/evidence/publisher';
import { silent } from '../../src/log';
import { presentOwner } from '../../src/state/owner';
import { directorySource } from '../../src/settings/load/source';
import { loadSettings } from '../../src/settings/load/load';
import { Records, type RecordUse } from '../../src/web/api/records';
import { dayBefore, parseDay, type Day } from '../../src/peers/day';
import { connectTo } from '../fleet/evidence_lab';
import { redisIsThere, startRedis, type RedisServer } from '../support/redis_server';
import { call, configDirectory } from './call';

const secret = 'a secret of the fleet of 32 octets';
const now = new Date('2026-06-15T11:00:00Z');
const today = parseDay('2026-06-15') as Day;
const seen: Sighting = { ...unseen, outcome: 'delivered', level: 'auto', tls: 'TLSv1.2', startTls: 'used' };

describe.skipIf(!redisIsThere)('a command on one host of a fleet', () => {
  let server: RedisServer;
  let redis: FleetRedis;
  const ends: (() => void)[] = [];

  beforeEach(async () => {
    server = await startRedis();
    redis = connectTo(server.port, 'tls-peers');
    await redis.ready(5_000);
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await redis.close();
    await server.stop();
  });

  /** An install that has counted so many messages, and has shared them. @returns its config directory */
  async function install(name: string, messages: number, signed?: string): Promise<string> {
    const fleet = `[fleet]\nredis = true\nname = ${name}\n${signed === undefined ? '' : 'key_file = fleet.key\n'}`;
    const evidence = mkdtempSync(path.join(tmpdir(), 'tls-peers-record-'));
    const { directory, remove } = configDirectory({
      'tls-peers.ini': `[evidence]\ndirectory = ${evidence}\n${fleet}`,
      'redis.ini': `[server]\nport = ${server.port}\n`,
      'smtp.ini': '',
      'fleet.key': `${signed ?? ''}\n`,
    });
    const about = { directory: evidence, owner: presentOwner(), log: silent, days: 30, now: () => now };
    const writer = createFileWriter({ ...about, maxPeers: 1000, isNamed: () => false });
    for (let nth = 0; nth < messages; nth++)
      writer.add({ managed: '', direction: 'out', peer: 'peer.example' }, seen);
    await writer.flush();
    const secrets = signed === undefined ? undefined : ([signed] as const);
    const publisher = new EvidencePublisher({ ...about, redis, host: name, secrets });
    await publisher.flush();
    ends.push(() => {
      writer.close();
      publisher.close();
      remove();
      rmSync(evidence, { recursive: true });
    });
    return directory;
  }

  async function messages(command: string, directory: string, ...more: string[]) {
    const { out } = await call([command, '--json', '-c', directory, ...more]);
    const { total, hosts, problems } = JSON.parse(out.join('\n')) as {
      total: { messages: number };
      hosts?: string[];
      problems: string[];
    };
    return { messages: total.messages, hosts, problems };
  }

  it('shows what all have counted, and with --local what this one has', async () => {
    const a = await install('a.example', 3);
    await install('b.example', 4);
    expect(await messages('traffic', a)).toMatchObject({ messages: 7, hosts: ['b.example'], problems: [] });
    expect(await messages('traffic', a, '--local')).toMatchObject({
      messages: 3,
      hosts: undefined,
      problems: [],
    });
    const { out } = await call(['traffic', '-c', a]);
    expect(out[0]).toBe('2026-06-09 to 2026-06-15 (UTC), this host and b.example');
    expect((await call(['traffic', '-c', a, '--local'])).out[0]).toBe('2026-06-09 to 2026-06-15 (UTC)');
  });

  const wish = ['--set', 'security_level=mandatory'];

  it('decides by what is signed, and without a secret by this host alone', async () => {
    const [a, signed] = [await install('a.example', 3), await install('c.example', 5, secret)];
    await install('d.example', 6, secret);
    expect(await messages('traffic', a)).toMatchObject({ messages: 14 });
    expect(await messages('impact', a, ...wish)).toMatchObject({
      messages: 3,
      problems: [expect.stringContaining('is not signed, without key_file in [fleet], and decides nothing')],
    });
    expect(await messages('impact', signed, ...wish)).toMatchObject({
      messages: 11,
      hosts: ['a.example', 'd.example'],
      problems: [expect.stringContaining('of a.example: not signed')],
    });
    expect(await messages('impact', signed, ...wish, '--local')).toMatchObject({ messages: 5, problems: [] });
  });

  it('shows this host alone where Redis does not answer, and says so', async () => {
    const a = await install('a.example', 3, secret);
    await install('b.example', 4, secret);
    for (const stop of ['freeze', 'kill'] as const) {
      await server[stop]();
      const begun = performance.now();
      const found = await messages('traffic', a);
      expect(performance.now() - begun).toBeLessThan(4_000);
      expect(found.messages).toBe(3);
      expect(found.problems).toEqual([
        expect.stringMatching(/^the fleet cannot be read \(.+\): these are the figures of this host alone$/),
      ]);
      const { out } = await call(['traffic', '-c', a]);
      expect(out.join(' ')).toContain('these are the figures of this host alone');
      // What others saw may be anything: no rule is written.
      expect((await messages('impact', a, ...wish)).problems).toHaveLength(1);
    }
  });

  it('believes nobody where the secret cannot be read', async () => {
    const a = await install('a.example', 3, 'short');
    await install('b.example', 4);
    expect(await messages('traffic', a)).toMatchObject({
      messages: 3,
      problems: [expect.stringContaining('key_file of [fleet] cannot be read')],
    });
  });

  it('is what the page shows, too', async () => {
    const [a, c] = [await install('a.example', 3), await install('c.example', 5, secret)];
    await install('d.example', 6, secret);
    const ask = async (records: Records, use: RecordUse) => {
      const asked = { from: dayBefore(today, 29), to: today, isEarlier: true, use };
      const { cube, problems } = await records.upToDate(asked);
      const sum = [...cube.merged(asked)].flatMap(({ sightings }) => sightings.map(([, count]) => count));
      return { messages: sum.reduce((all, one) => all + one, 0), problems };
    };
    const recordsOf = (directory: string, readingPatience = 10_000) => {
      const files = directorySource(directory);
      const { settings } = loadSettings(files);
      const { evidence } = settings.global;
      return new Records({
        directory: path.resolve(directory, '..', evidence.directory),
        owner: presentOwner,
        settings: () => settings,
        files,
        readingPatience,
      });
    };
    const [plain, signed] = [recordsOf(a), recordsOf(c)];
    expect(await ask(plain, 'looked_at')).toEqual({ messages: 14, problems: [] });
    expect(await ask(plain, 'decided_on')).toEqual({ messages: 3, problems: [] });
    expect(await ask(plain, 'host')).toEqual({ messages: 3, problems: [] });
    expect(await ask(signed, 'decided_on')).toMatchObject({ messages: 11 });
    await install('e.example', 1, secret);
    expect(await ask(signed, 'decided_on')).toMatchObject({ messages: 12 });
    await server.kill();
    await expect
      .poll(async () => await ask(plain, 'looked_at'), { timeout: 5_000 })
      .toEqual({
        messages: 3,
        problems: [expect.stringContaining('these are the figures of this host alone')],
      });
    await plain.close();
    await signed.close();
  });
});
