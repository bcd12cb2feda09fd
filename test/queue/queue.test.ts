import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnvelope } from '../../src/queue/envelope';
import { keyOf, readName } from '../../src/queue/file_name';
import { listQueue } from '../../src/queue/list';
import { times } from '../support/times';
import { anyText } from '../support/any_text';

/** Haraka's own. */
const qfile = createRequire(import.meta.url)('haraka/outbound/qfile') as {
  name(parts?: object): string;
  parts(file: string): { arrival: number; next_attempt: number; attempts: number; pid: number; uid: string };
};

describe('the name of a queue file', () => {
  it('is read as Haraka reads it, and its key survives every renaming', () => {
    const time = fc.integer({ min: 1, max: 4_000_000_000_000 });
    const parts = fc.record({
      arrival: time,
      next_attempt: time,
      attempts: fc.integer({ min: 1, max: 1000 }),
      pid: fc.integer({ min: 1, max: 4_000_000 }),
      host: fc.oneof(fc.domain(), fc.constant('under_score.example'), fc.constant('a:b\\c')),
    });
    fc.assert(
      fc.property(parts, parts, (first, later) => {
        const file = qfile.name(first);
        const reading = readName(file);
        const known = qfile.parts(file);
        expect(reading).toEqual({
          kind: 'message',
          name: {
            key: `${known.arrival}_${known.uid}`,
            arrived: new Date(known.arrival),
            nextTry: new Date(known.next_attempt),
            attempts: known.attempts,
            pid: known.pid,
          },
        });
        const { next_attempt, attempts, host, pid } = later;
        expect(keyOf(qfile.name({ ...known, next_attempt, attempts, host }))).toBe(keyOf(file));
        // Taken over by another process.
        expect(keyOf(qfile.name({ ...known, pid }))).toBe(keyOf(file));
      }),
      { numRuns: 50 * times },
    );
  });

  it.each([
    ['__tmp__.1_1_0_7_abcdef_1_host', 'temporary'],
    ['.1_1_0_7_abcdef_1_host', 'temporary'],
    ['error.1_1_0_7_abcdef_1_host', 'set_aside'],
    ['1484878079415_0_12345_8888.mta1.example.com', 'message'],
    ['notes.txt', 'foreign'],
    ['1_1_0_7_abcdef_1_ho_st', 'foreign'],
    ['x_1_0_7_abcdef_1_host', 'foreign'],
    ['', 'foreign'],
    ['9'.repeat(400) + '_1_0_7_abcdef_1_host', 'foreign'],
  ])('%s is %s', (file, kind) => {
    expect(readName(file).kind).toBe(kind);
  });

  it('is one of whatever a directory may hold, without an error', () => {
    fc.assert(
      fc.property(anyText(), (file) => {
        expect(['message', 'temporary', 'set_aside', 'foreign']).toContain(readName(file).kind);
      }),
      { numRuns: 60 * times },
    );
  });
});

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-queue-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const put = (file: string, octets: string | Buffer) => writeFileSync(path.join(directory, file), octets);

describe('the queue', () => {
  it('holds messages, each once, and what is none is counted', async () => {
    put('1000_2000_1_7_abcdef_1_host', '');
    // As it is met under both names while it is renamed.
    put('1000_3000_2_7_abcdef_2_host', '');
    put('1500_3000_0_7_ghijkl_2_host', '');
    put('__tmp__.1500_3000_0_7_mnopqr_2_host', '');
    put('error.1500_3000_0_7_stuvwx_2_host', '');
    put('README', '');
    mkdirSync(path.join(directory, '1500_3000_0_8_yzabcd_2_host'));
    const { messages, setAside, foreign } = await listQueue(directory);
    expect(messages.map(({ key, attempts }) => [key, attempts]).sort()).toEqual([
      ['1000_abcdef', 2],
      ['1500_ghijkl', 0],
    ]);
    expect([setAside, foreign]).toEqual([1, 2]);
  });

  it('is not taken for empty where it is not there', async () => {
    await expect(listQueue(path.join(directory, 'nowhere'))).rejects.toThrow('ENOENT');
  });
});

function queued(todo: unknown, message = 'Subject: x\r\n\r\nHello.\r\n'): Buffer {
  const text = Buffer.from(`\n${typeof todo === 'string' ? todo : JSON.stringify(todo, null, '\t')}\n`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, Buffer.from(message)]);
}

const todo = {
  queue_time: 1,
  domain: 'peer.example',
  rcpt_to: [{ original: '<you@peer.example>', user: 'you', host: 'peer.example' }],
  mail_from: {
    original: '<Me@Ours.example>',
    original_host: 'Ours.example',
    host: 'ours.example',
    user: 'Me',
  },
};

describe('an envelope', () => {
  const read = (octets: string | Buffer) => {
    put('file', octets);
    return readEnvelope(path.join(directory, 'file'));
  };

  it('is that of the message, also where there are many recipients', async () => {
    expect(await read(queued(todo))).toEqual({
      kind: 'envelope',
      envelope: { sender: 'Me@ours.example', domain: 'peer.example', recipients: 1 },
    });
    const many = { ...todo, rcpt_to: Array.from({ length: 5000 }, () => todo.rcpt_to[0]) };
    expect(await read(queued(many))).toMatchObject({ envelope: { recipients: 5000 } });
  });

  it.each([
    ['the null sender', { original: '<>', user: null, host: null }, ''],
    ['as 3.3 writes it', { original: '<>', original_host: undefined }, ''],
    ['without a domain', { original: 'postmaster', user: 'postmaster', host: null }, 'postmaster'],
  ])('%s', async (_, mail_from, sender) => {
    expect(await read(queued({ ...todo, mail_from }))).toMatchObject({ envelope: { sender } });
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['only begun', Buffer.from([0, 0])],
    ['cut within the envelope', queued(todo).subarray(0, 60)],
    ['with a length of nonsense', Buffer.from('no envelope at all')],
    ['with a length that is too large', Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.from('{')])],
    ['with broken JSON', queued('{"domain":')],
    ['of somebody else', queued('{"domain":5,"mail_from":[],"rcpt_to":"x"}')],
    ['without an object', queued('null')],
  ])('of a file that is %s is told to be unreadable', async (_, octets) => {
    expect(await read(octets)).toEqual({ kind: 'unreadable', problem: expect.any(String) as string });
  });

  it('of a file that is gone is gone, and nothing is waited for at a pipe', async () => {
    expect(await readEnvelope(path.join(directory, 'nowhere'))).toEqual({ kind: 'gone' });
    execFileSync('mkfifo', [path.join(directory, 'pipe')]);
    expect((await readEnvelope(path.join(directory, 'pipe'))).kind).toBe('unreadable');
  });

  it.skipIf(process.getuid?.() !== 0)('behind a link is read by its user, and not by root', async () => {
    chmodSync(directory, 0o755);
    put('file', queued(todo));
    symlinkSync('file', path.join(directory, 'link'));
    symlinkSync('nowhere', path.join(directory, 'nothing'));
    const link = () => readEnvelope(path.join(directory, 'link'));
    const problem = 'it is a link, which root does not follow';
    expect(await link()).toEqual({ kind: 'unreadable', problem });
    expect(await readEnvelope(path.join(directory, 'nothing'))).toEqual({ kind: 'unreadable', problem });
    process.seteuid?.(64_001);
    try {
      expect((await link()).kind).toBe('envelope');
      expect(await readEnvelope(path.join(directory, 'nothing'))).toEqual({ kind: 'gone' });
    } finally {
      process.seteuid?.(0);
    }
  });

  it('is never an error, whatever the octets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
        expect((await read(Buffer.from(octets))).kind).not.toBe('gone');
      }),
      { numRuns: 30 * times },
    );
  });
});
