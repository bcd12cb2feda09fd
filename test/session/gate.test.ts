/** The last line of defence, below a machine that misbehaves: what is read of it outside TLS, by a peer that reads everything. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../../src/smtp/capabilities';
import { transition } from '../../src/smtp/machine';
import type { Effect, State, StateName } from '../../src/smtp/session';
import type { SessionOptions } from '../../src/session/options';
import { TimeBudget } from '../../src/session/time_budget';
import { open, patient, play, recorder, nothingLeft, resources, tlsPart, words } from './stage';

type Machine = NonNullable<SessionOptions['transition']>;

const turn = { ready: { channel: 'cleartext', capabilities: noCapabilities }, nth: 1 } as const;

const measuring: State = {
  name: 'measuring',
  envelope: { from: { text: '<>', ascii: '<>' }, recipients: [], octets: 1 },
  turn,
  limit: 0,
};

const short = () => new TimeBudget(150, () => performance.now());

const say = (text: string): Effect => ({ kind: 'send', text, shown: [text] });

/** Does as it should until it comes to `state`; there it does `effects`, first or instead of what it should. */
function misbehaving(
  at: StateName,
  effects: readonly Effect[],
  how: 'first' | 'instead' | 'for ever',
): Machine {
  let begun = false;
  return (terms, before, event) => {
    if (begun && how === 'for ever') return { state: { ...before }, effects };
    const step = transition(terms, before, event);
    if (begun || step.state.name !== at) return step;
    begun = true;
    return { state: step.state, effects: how === 'first' ? [...effects, ...step.effects] : effects };
  };
}

/** What is not within TLS records (RFC 8446 section 5.1) of all that was read of a session; once in TLS, nothing else may come. */
function outsideTls(wire: Buffer): string {
  const isRecord = (at: number) => {
    const [type = 0, major] = wire.subarray(at);
    return type >= 20 && type <= 23 && major === 3;
  };
  let at = 0;
  while (at < wire.length && !isRecord(at)) at += 1;
  const before = wire.toString('latin1', 0, at);
  while (at + 5 <= wire.length && isRecord(at)) at += 5 + wire.readUInt16BE(at + 3);
  return before + wire.toString('latin1', at);
}

const commands = /^(?:(?:[EL]HLO [\x21-\x7e]+|STARTTLS|QUIT)\r\n)*$/i;

const secret = 'MAIL FROM:<secret@from.example>';

describe.each(['first', 'instead', 'for ever'] as const)('where TLS is required, %s', (how) => {
  it.each<[what: string, at: StateName, effects: Effect[]]>([
    ['MAIL', 'hello', [say(`${secret}\r\n`)]],
    ['RCPT', 'hello', [say('RCPT TO:<secret@to.example>\r\n')]],
    ['AUTH', 'starttls', [say('AUTH PLAIN c2VjcmV0\r\n')]],
    ['DATA', 'starttls', [say('DATA\r\n')]],
    ['the message', 'starttls', [{ kind: 'send_message' }]],
    ['the final dot', 'hello', [say('.\r\n')]],
    ['HELO', 'hello', [say('HELO secret\r\n')]],
    ['two commands in one write', 'hello', [say(`EHLO me.example\r\n${secret}\r\n`)]],
    ['a command behind STARTTLS', 'hello', [say(`STARTTLS\r\n${secret}\r\n`)]],
    ['lower case', 'hello', [say(`${secret.toLowerCase()}\r\n`)]],
    ['a command with a line feed in it', 'hello', [say(`EHLO me\n${secret}\r\n`)]],
    ['a command with a carriage return in it', 'hello', [say(`EHLO me\r${secret}\r\n`)]],
    ['a command without its end', 'hello', [say(secret)]],
    ['the end of a command only', 'hello', [say('\r\n')]],
    ['nothing', 'hello', [say('')]],
    ['words behind the name in EHLO', 'hello', [say(`EHLO me.example ${secret}\r\n`)]],
    ['words behind QUIT', 'hello', [say(`QUIT ${secret}\r\n`)]],
    ['a name that is another line in latin1', 'hello', [say(`EHLO me\u010a${secret}\r\n`)]],
    [
      'MAIL behind the beginning of the handshake',
      'handshake',
      [{ kind: 'start_tls' }, say(`${secret}\r\n`)],
    ],
    ['the message there', 'handshake', [{ kind: 'start_tls' }, { kind: 'send_message' }]],
    ['EHLO there', 'handshake', [{ kind: 'start_tls' }, say('EHLO me.example\r\n')]],
    ['a second handshake', 'handshake', [{ kind: 'start_tls' }, { kind: 'start_tls' }]],
  ])('%s is kept back, and the session ends', async (_what, at, effects) => {
    const before = resources();
    const stage = await open();
    const { observer, told } = recorder();
    const outcome = await play(stage, {
      observer,
      transition: misbehaving(at, effects, how),
      content: () => Readable.from([Buffer.from('Subject: secret\r\n\r\nsecret\r\n')]),
    });
    expect(outsideTls(stage.wire())).toMatch(commands);
    expect(stage.peer.heard.filter((line) => !/^(?:EHLO|STARTTLS|QUIT)/.test(line))).toEqual([]);
    expect(words(outcome)).toMatch(/^tls internal-error \(verification\): /);
    const kept = told.some((line) => line.startsWith('warn: kept '));
    expect(kept).toBe(words(outcome).endsWith('was about to be sent without TLS'));
    expect(told.join()).not.toContain('secret@');
    await nothingLeft(before);
  });
});

describe('where TLS is required', () => {
  it.each(['write', 'end'] as const)('nothing that others %s to the connection is sent', async (method) => {
    const stage = await open({
      EHLO: () => stage.client[method](`${secret}\r\n`),
    });
    const outcome = await play(stage);
    expect(outsideTls(stage.wire())).toMatch(commands);
    expect(words(outcome)).toMatch(/^tls internal-error/);
  });

  it('what others hold back, and let go together, is held against the same rule', async () => {
    const stage = await open({
      EHLO: () => {
        stage.client.cork();
        stage.client.write('EHLO me.example\r\n');
        stage.client.write(`${secret}\r\n`);
        stage.client.uncork();
      },
    });
    const outcome = await play(stage);
    expect(outsideTls(stage.wire())).toBe('EHLO me.example\r\n');
    expect(words(outcome)).toMatch(/^tls internal-error/);
  });

  it('nothing is sent through TLS that does not meet what was required, whatever the machine makes of it', async () => {
    const stage = await open();
    const outcome = await play(stage, {
      timeouts: { ...patient, tlsHandshake: 100 },
      tls: {
        ...tlsPart,
        judge: () => ({
          kind: 'failed',
          failure: { reason: 'certificate-not-trusted', text: 'nobody knows it' },
        }),
      },
      // Takes no no for an answer.
      transition: (terms, state, event) =>
        event.kind === 'tls_failed' ? { state, effects: [] } : transition(terms, state, event),
    });
    expect(stage.peer.heard).toEqual(['EHLO me.example', 'STARTTLS']);
    expect(outcome.kind).toBe('next_host');
  });
});

describe('a machine that does not end', () => {
  it.each<[what: string, machine: Machine]>([
    ['hears of nothing', (_terms, state) => ({ state, effects: [] })],
    ['is over and does not say so', () => ({ state: { name: 'over' }, effects: [] })],
    [
      'closes the connection without an outcome',
      () => ({ state: { name: 'over' }, effects: [{ kind: 'close' }] }),
    ],
    ['waits for nothing', () => ({ state: measuring, effects: [] })],
  ])('is ended, if it %s', async (_what, machine) => {
    const before = resources();
    const outcome = await play(await open(), {
      transition: machine,
      timeouts: { ...patient, greeting: 50 },
      budget: short(),
    });
    expect(outcome.kind).toBe('own_fault');
    await nothingLeft(before);
  });
});

describe('any machine', () => {
  const effect: fc.Arbitrary<Effect> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(
          'EHLO me.example\r\n',
          'STARTTLS\r\n',
          'QUIT\r\n',
          'ehlo me\r\n',
          'STARTTLS\r\nMAIL FROM:<secret>\r\n',
          'MAIL FROM:<secret>\r\n',
          'EHLO a\nDATA\r\n',
          'EHLO ',
          '.\r\n',
          'rcpt to:<secret>\r\n',
        )
        .map(say),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom<Effect>(
        { kind: 'start_tls' },
        { kind: 'send_message' },
        { kind: 'measure_message' },
        { kind: 'note_missing_starttls' },
        { kind: 'warn', text: 'of nothing' },
        { kind: 'close' },
        { kind: 'end', outcome: { kind: 'own_fault', text: 'as the test says' } },
      ),
    },
  );
  const state = fc.constantFrom<State>(
    { name: 'greeting' },
    { name: 'hello', verb: 'EHLO', channel: 'cleartext' },
    { name: 'starttls' },
    { name: 'handshake' },
    { name: 'message', turn, recipients: [] },
    { name: 'final_dot', turn, waiting: { before: [], accepted: [], answered: 0, answers: 'none' } },
    { name: 'idle', turn, transaction: 'open' },
    { name: 'resetting', turn },
    { name: 'leaving' },
    { name: 'over' },
    measuring,
  );
  const steps = fc.array(fc.record({ state, effects: fc.array(effect, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 5,
  });

  it('lets nothing of a message out unencrypted, and comes to an end', async () => {
    const before = resources();
    const short_ = Object.fromEntries(
      Object.keys(patient).map((key) => [key, 15]),
    ) as unknown as typeof patient;
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (script, again) => {
        const stage = await open();
        let at = 0;
        await play(stage, {
          timeouts: short_,
          budget: short(),
          transition: (terms, now, event) => {
            const step = again ? script[at++ % script.length] : script[at++];
            return step === undefined ? transition(terms, now, event) : step;
          },
        });
        expect(outsideTls(stage.wire())).toMatch(commands);
      }),
      { numRuns: 150 },
    );
    await nothingLeft(before);
  });
});
