import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { causeOf, heldLine, parseHeldLine, type HeldNote, type Told } from '../../src/evidence/held_note';
import { lastNotes } from '../../src/evidence/store/held_files';
import { createHeldWriter, type HeldWriterOptions } from '../../src/evidence/store/held_writer';
import { heldLines } from '../../src/cli/held_text';
import { heldOf } from '../../src/evidence/views/held';
import { silent } from '../../src/log';
import { keyOf } from '../../src/queue/file_name';
import { listQueue } from '../../src/queue/list';
import { presentOwner } from '../../src/state/owner';
import { times } from '../support/times';
import { anyText } from '../support/any_text';

const whose = { managed: 'ours.example', peer: 'peer.example' };
const told: Told = {
  rule: 'ours.example [outbound peer.example]',
  level: 'mandatory',
  reply: '',
  reasons: [
    { host: 'mx1.peer.example', reason: 'connection-failed', text: 'refused' },
    { host: 'mx2.peer.example', reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' },
  ],
};

let [place, directory, queue] = ['', '', ''];
let now = 0;
let said: string[] = [];
const log = { ...silent, warn: (line: string) => said.push(line), notice: (line: string) => said.push(line) };

beforeEach(() => {
  place = mkdtempSync(path.join(tmpdir(), 'tls-peers-held-'));
  [directory, queue] = [path.join(place, 'evidence'), path.join(place, 'queue')];
  mkdirSync(queue);
  now = Date.parse('2026-11-29T12:00:00Z');
  said = [];
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function writer(options: Partial<HeldWriterOptions> = {}) {
  return createHeldWriter({
    directory,
    queue,
    owner: presentOwner(),
    log,
    now: () => new Date(now),
    tidyEvery: 0,
    ...options,
  });
}

/** A message in the queue, deferred so many times. */
class Message {
  #file: string;

  constructor(tag: string) {
    this.#file = `${now}_${now}_0_7_${tag}_1_host`;
    writeFileSync(this.path, '');
  }

  get file(): string {
    return this.#file;
  }

  get path(): string {
    return path.join(queue, this.#file);
  }

  /** As Haraka does it: the hook is told of the old name. */
  deferred(attempts: number): void {
    const before = this.path;
    this.#file = this.#file.replace(/^(\d+)_\d+_\d+_/, `$1_${now + 60_000}_${attempts}_`);
    renameSync(before, this.path);
  }
}

async function held(wanted = {}) {
  const { notes, problems } = await lastNotes({ directory, owner: presentOwner() });
  return { ...heldOf((await listQueue(queue)).messages, notes, wanted), problems };
}

const noteFiles = () => readdirSync(directory).filter((name) => name.endsWith('.held.jsonl'));
const noted = () =>
  noteFiles()
    .map((name) => readFileSync(path.join(directory, name), 'utf8'))
    .join('');

describe('why a message waits', () => {
  it('is the rule where a rule stood in the way, and else what the host or the network did', () => {
    expect(causeOf(told, whose)).toMatchObject({ why: 'starttls-not-supported', host: 'mx2.peer.example' });
    expect(causeOf({ ...told, reply: '450 later' }, whose)).toMatchObject({
      why: 'reply',
      text: '450 later',
    });
    expect(causeOf({ ...told, reasons: told.reasons.slice(0, 1) }, whose).why).toBe('connection-failed');
    expect(causeOf({ ...told, reasons: [] }, whose).why).toBe('other');
    expect(causeOf({ ...told, requiretls: 'no' }, whose)).not.toHaveProperty('requiretls');
  });

  it('is written down and read back, whatever its texts', () => {
    const text = anyText({ maxLength: 50 });
    const asked = fc.constantFrom({}, { requiretls: 'required' } as const);
    fc.assert(
      fc.property(text, text, text, text, asked, (rule, level, host, words, requiretls) => {
        const cause = causeOf(
          { ...told, ...requiretls, rule, level, reasons: [{ host, reason: 'tlsa-invalid', text: words }] },
          whose,
        );
        const note: HeldNote = { ...cause, key: '1_a', attempts: 1, at: 2, since: 1 };
        const line = heldLine(note);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseHeldLine(line.trimEnd())).toEqual({ ...note });
      }),
      { numRuns: 30 * times },
    );
  });
});

describe('what is held', () => {
  it('is told by peer and reason, with the time since when and the next try', async () => {
    const one = writer();
    const [first, second, third] = [new Message('aaaaaa'), new Message('bbbbbb'), new Message('cccccc')];
    const begin = now;
    for (const message of [first, second]) {
      one.deferred(message.file, 1, whose, told);
      message.deferred(1);
    }
    one.deferred(third.file, 1, whose, { ...told, reply: '450 4.2.1 <you@peer.example> later' });
    third.deferred(1);
    new Message('dddddd');
    now += 60_000;
    one.deferred(first.file, 2, whose, told);
    first.deferred(2);
    await one.flush();
    const { groups, otherwise, messages, problems } = await held();
    expect(groups).toMatchObject([
      {
        ...whose,
        reason: 'starttls-not-supported',
        messages: 2,
        rule: told.rule,
        host: 'mx2.peer.example',
        since: new Date(begin),
        lastTry: new Date(now),
        nextTry: new Date(begin + 60_000),
      },
    ]);
    expect(messages).toHaveLength(2);
    expect(otherwise).toEqual({ reply: 1, notReached: 0, other: 0, untried: 1, notKnown: 0 });
    expect(problems).toEqual([]);
    expect((await held({ peer: '*.example' })).messages).toHaveLength(2);
    expect((await held({ peer: 'other.example' })).messages).toHaveLength(0);
    expect((await held({ managed: '' })).messages).toHaveLength(0);
    for (const name of noteFiles()) expect(statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
    expect(noted()).not.toContain('@');
  });

  it('is told apart where senders asked for REQUIRETLS, which demands more than the rule', async () => {
    const one = writer();
    const [plain, asked] = [new Message('aaaaaa'), new Message('bbbbbb')];
    one.deferred(plain.file, 1, whose, told);
    one.deferred(asked.file, 1, whose, { ...told, requiretls: 'required' });
    plain.deferred(1);
    asked.deferred(1);
    await one.flush();
    const { groups } = await held();
    expect(groups.map(({ messages, requiretls }) => [messages, requiretls])).toEqual([
      [1, undefined],
      [1, 'required'],
    ]);
    const about = {
      oldest: [],
      waiting: [],
      setAside: 0,
      foreign: 0,
      queue,
      install: place,
      now: new Date(now),
    };
    const output = { print() {}, complain() {}, progress() {}, colour: false, width: undefined };
    const lines = heldLines(output, { ...(await held()), ...about }).join('\n');
    expect(lines).toMatch(/asked +REQUIRETLS, by the sender/);
    expect(lines).toContain('tls-peers explain --requiretls ours.example peer.example;');
    expect(lines).toContain('tls-peers explain ours.example peer.example;');
  });

  it('is never told with the reason of another attempt', async () => {
    const one = writer();
    const message = new Message('aaaaaa');
    one.deferred(message.file, 1, whose, told);
    message.deferred(1);
    await one.flush();
    message.deferred(2);
    expect((await held()).otherwise.notKnown).toBe(1);
    expect((await held()).groups).toEqual([]);
  });

  it('begins anew where the reason changes', async () => {
    const one = writer();
    const message = new Message('aaaaaa');
    one.deferred(message.file, 1, whose, told);
    message.deferred(1);
    now += 1000;
    one.deferred(message.file, 2, whose, {
      ...told,
      reasons: [{ host: 'x', reason: 'dane-required', text: '' }],
    });
    message.deferred(2);
    await one.flush();
    expect((await held()).groups).toMatchObject([{ reason: 'dane-required', since: new Date(now) }]);
  });

  it('is forgotten with the queue file, told or not', async () => {
    const one = writer();
    const [told1, untold, stays] = [new Message('aaaaaa'), new Message('bbbbbb'), new Message('cccccc')];
    for (const message of [told1, untold, stays]) {
      one.deferred(message.file, 1, whose, told);
      message.deferred(1);
    }
    await one.flush();
    one.settled(told1.file);
    rmSync(told1.path);
    rmSync(untold.path);
    await one.flush();
    await one.flush();
    expect(noted()).toContain(keyOf(stays.file));
    expect(noted()).not.toContain(keyOf(told1.file));
    expect(noted()).not.toContain(keyOf(untold.file));
    one.settled(stays.file);
    await one.flush();
    expect(noteFiles()).toEqual([]);
  });

  it('goes on in the process that takes over the queue, and what the other has left is forgotten', async () => {
    const begin = now;
    const first = writer();
    const [stays, goes, untouched] = [new Message('aaaaaa'), new Message('bbbbbb'), new Message('cccccc')];
    for (const message of [stays, goes, untouched]) {
      first.deferred(message.file, 1, whose, told);
      message.deferred(1);
    }
    await first.flush();
    const second = writer();
    now += 60_000;
    second.deferred(stays.file, 2, whose, told);
    stays.deferred(2);
    second.settled(goes.file);
    rmSync(goes.path);
    await second.flush();
    await second.flush();
    expect((await held()).groups).toMatchObject([{ messages: 2, since: new Date(begin) }]);
    expect(noted()).not.toContain(keyOf(goes.file));
    expect(noted().match(new RegExp(keyOf(stays.file), 'g'))).toHaveLength(1);
    expect(noteFiles()).toHaveLength(2);
    second.settled(untouched.file);
    rmSync(untouched.path);
    await second.flush();
    expect(noteFiles()).toHaveLength(1);
  });

  it('is left alone where another Haraka or a later release noted it', async () => {
    const one = writer();
    const message = new Message('aaaaaa');
    one.deferred(message.file, 1, whose, told);
    message.deferred(1);
    await one.flush();
    const put = (id: string, text: string) =>
      writeFileSync(path.join(directory, `1.${id.repeat(16)}.held.jsonl`), text);
    const note = heldLine({ ...causeOf(told, whose), key: '5_zzzzzz', attempts: 1, at: 1, since: 1 });
    put('1', '{"format":1,"kind":"held","queue":"/another"}\n' + note);
    put('2', '{"format":9,"kind":"held","queue":"/another"}\n' + note);
    put('3', 'foreign\n');
    put('4', `{"format":1,"kind":"held","queue":"/x"}\n${note.slice(0, 30)}`);
    put('5', '');
    one.deferred(message.file, 2, whose, told);
    message.deferred(2);
    await one.flush();
    expect(readdirSync(directory)).toHaveLength(6);
    const { groups, problems } = await held();
    expect(groups).toHaveLength(1);
    expect(problems.map((problem) => problem.slice(problem.indexOf(':') + 2)).sort()).toEqual([
      '1 damaged line is left out',
      'empty',
      expect.stringContaining('newer version'),
      'no file of notes',
    ]);
  });

  it('is whole again after the disk refused it, or somebody changed the file', async () => {
    writeFileSync(directory, 'a file in its place');
    const one = writer();
    const message = new Message('aaaaaa');
    one.deferred(message.file, 1, whose, told);
    message.deferred(1);
    await one.flush();
    await one.flush();
    expect(said).toEqual([expect.stringContaining('cannot be used')]);
    rmSync(directory);
    await one.flush();
    expect((await held()).groups).toHaveLength(1);
    expect(said).toHaveLength(2);
    const [name = ''] = noteFiles();
    appendFileSync(path.join(directory, name), '{"half');
    const second = new Message('bbbbbb');
    one.deferred(second.file, 1, whose, told);
    second.deferred(1);
    await one.flush();
    await one.flush();
    expect(await held()).toMatchObject({ groups: [{ messages: 2 }], problems: [] });
    one.close();
    expect(await held()).toMatchObject({ groups: [{ messages: 2 }], problems: [] });
  });

  it.skipIf(process.getuid?.() === 0)(
    'is in memory alone while the directory cannot be entered',
    async () => {
      mkdirSync(directory);
      chmodSync(directory, 0o000);
      const one = writer();
      one.deferred(new Message('aaaaaa').file, 1, whose, told);
      await one.flush();
      expect(said).toHaveLength(1);
      chmodSync(directory, 0o700);
    },
  );

  it('is noted up to a bound, and beyond it counted', async () => {
    const one = writer({ most: 10 });
    for (let at = 0; at < 12; at++) {
      const message = new Message(`tag${at}`);
      one.deferred(message.file, 1, whose, told);
      message.deferred(1);
    }
    await one.flush();
    const { messages, otherwise } = await held();
    expect([messages.length, otherwise.notKnown]).toEqual([10, 2]);
    expect(said).toEqual([expect.stringContaining('more messages wait')]);
  });

  it('stays as large as what waits, however often it changes', async () => {
    const one = writer();
    const messages = Array.from({ length: 30 }, (_, at) => new Message(`tag${at}`));
    for (let attempts = 1; attempts < 40; attempts++) {
      for (const message of messages) {
        one.deferred(message.file, attempts, whose, told);
        message.deferred(attempts);
      }
      await one.flush();
    }
    expect(noted().split('\n').length).toBeLessThan(31 + 31);
    expect((await held()).messages).toHaveLength(30);
  });
});
