/** What binds the machine to a connection: time, faults of our own, the message on its way, and what is left behind. */
import { constants } from 'node:crypto';
import { Readable } from 'node:stream';
import * as tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { TimeBudget } from '../../src/session/time_budget';
import type { Terms } from '../../src/smtp/session';
import type { Timeouts } from '../../src/smtp/timeouts';
import { transition } from '../../src/smtp/machine';
import {
  certificateFor,
  drip,
  nothingLeft,
  open,
  patient,
  play,
  recorder,
  required,
  resources,
  sessionOn,
  silence,
  text,
  tlsPart,
  words,
  type Behaviours,
  type Peer,
  type SessionParts,
} from './stage';

const lmtp: Terms = { ...required, protocol: 'lmtp' };
const login: Terms = { ...required, credentials: { user: 'u', password: 'p', mechanism: 'any' } };
const offersAuth: Behaviours = { 'tls:EHLO': '250-mx.example\r\n250 AUTH PLAIN' };
const pipelining: Behaviours = { 'tls:EHLO': '250-mx.example\r\n250 PIPELINING' };

/** No answer to the hello. */
const stall = ({ raw }: Peer): void => void raw.removeAllListeners('data').resume();

/** As a peer does that means it. */
const tlsBegins: Behaviours = { handshake: (peer) => peer.startTls() };

/** Far more than the sockets of one connection take in. */
const endless = (): Readable =>
  new Readable({
    read() {
      this.push(Buffer.alloc(65_536, 'x\r\n'));
    },
  });

/** Takes nothing of the message. */
const deaf = (peer: Peer): void => {
  peer.socket.pause();
  peer.say('354 go\r\n');
};

describe.each([
  ['that says nothing', silence],
  ['that drips an octet at a time', drip],
])('a peer %s', (_what, slow) => {
  it.each<[timeout: keyof Timeouts, at: keyof Behaviours, told: string, options?: Partial<SessionParts>]>([
    ['greeting', 'greeting', 'lost: the peer took too long to greet'],
    ['ehlo', 'EHLO', 'lost: the peer took too long to answer EHLO'],
    [
      'ehlo',
      'STARTTLS',
      'tls tls-handshake-failed (starttls): STARTTLS was not answered: the peer took too long to answer STARTTLS',
    ],
    ['ehlo', 'tls:EHLO', 'lost: the peer took too long to answer EHLO'],
    ['ehlo', 'AUTH', 'lost: the peer took too long to answer AUTH', { terms: login }],
    ['mail', 'MAIL', 'lost: the peer took too long to answer MAIL'],
    ['rcpt', 'RCPT', 'lost: the peer took too long to answer RCPT'],
    ['data', 'DATA', 'lost: the peer took too long to answer DATA'],
    ['finalDot', 'message', 'deferred 451'],
    ['finalDot', 'message', 'deferred 451', { terms: lmtp }],
  ])('is waited for as long as `%s` has it, at %s', async (timeout, at, told, options = {}) => {
    const before = resources();
    const more = at === 'AUTH' ? offersAuth : {};
    const stage = await open({
      ...more,
      ...(at === 'STARTTLS' ? { handshake: silence } : {}),
      [at]: slow,
    });
    const outcome = await play(stage, { timeouts: { ...patient, [timeout]: 80 }, ...options });
    expect(words(outcome)).toBe(told);
    await nothingLeft(before);
  });

  it('in the middle of the handshake is waited for as long as `tlsHandshake` has it', async () => {
    const before = resources();
    const stage = await open({
      handshake: (peer) => {
        peer.raw.removeAllListeners('data');
        // The beginning of a record of 16,384 octets.
        peer.raw.write(Buffer.from([22, 3, 3, 64, 0]));
        if (slow !== drip) return;
        const timer = setInterval(() => peer.raw.write(Buffer.from([2])), 10);
        peer.raw.once('close', () => clearInterval(timer));
      },
    });
    const outcome = await play(stage, { timeouts: { ...patient, tlsHandshake: 80 } });
    expect(words(outcome)).toBe(
      'tls tls-handshake-failed (stalled): the TLS handshake failed: the peer did not finish the TLS handshake in time',
    );
    await nothingLeft(before);
  });

  it('once the outcome is told is waited for as long as `quit` has it', async () => {
    const before = resources();
    const stage = await open({ QUIT: slow });
    const session = sessionOn(stage, { timeouts: { ...patient, quit: 80 } });
    expect(words(await session.run())).toBe('delivered 250');
    await session.closed();
    await stage.close();
    await nothingLeft(before);
  });

  it('that takes nothing of the message is waited for as long as `dataBlock` has it', async () => {
    const before = resources();
    const stage = await open({
      DATA: (peer) => {
        deaf(peer);
        slow(peer);
      },
    });
    const message = endless();
    const outcome = await play(stage, {
      timeouts: { ...patient, dataBlock: 150 },
      content: () => message,
    });
    expect(words(outcome)).toBe('lost: the peer took too long to take the message');
    expect(message.destroyed).toBe(true);
    await nothingLeft(before);
  });
});

describe('the time for an attempt', () => {
  /** A clock that is set by hand. */
  function clock(limit: number): { budget: TimeBudget; pass: (ms: number) => void } {
    let now = 0;
    return { budget: new TimeBudget(limit, () => now), pass: (ms) => void (now += ms) };
  }

  it.each<keyof Behaviours>([
    'greeting',
    'EHLO',
    'STARTTLS',
    'handshake',
    'tls:EHLO',
    'AUTH',
    'MAIL',
    'RCPT',
    'DATA',
  ])('is up at %s, however long the peer may take there', async (at) => {
    const before = resources();
    const stage = await open({
      ...offersAuth,
      handshake: silence,
      ...(at === 'STARTTLS' ? {} : tlsBegins),
      [at]: at === 'handshake' ? stall : drip,
    });
    const terms = at === 'AUTH' ? login : required;
    const outcome = await play(stage, { terms, budget: new TimeBudget(150, () => performance.now()) });
    expect(words(outcome)).toMatch(/the time for this attempt was up$/);
    await nothingLeft(before);
  });

  it('that is nearly used up bounds the next wait', async () => {
    const before = resources();
    const { budget, pass } = clock(1000);
    const stage = await open({
      MAIL: (peer) => {
        pass(970);
        peer.say('250 ok\r\n');
      },
      RCPT: drip,
    });
    expect(words(await play(stage, { budget }))).toBe('lost: the time for this attempt was up');
    await nothingLeft(before);
  });

  it('used up at one host is used up at the next', async () => {
    const before = resources();
    const { budget, pass } = clock(1000);
    const first = await open({
      MAIL: (peer) => {
        pass(2000);
        peer.say('421 bye\r\n');
      },
    });
    expect(words(await play(first, { budget }))).toMatch(/^lost: the peer ended the session/);
    const next = await open({ greeting: silence });
    expect(words(await play(next, { budget }))).toBe('lost: the time for this attempt was up');
    await nothingLeft(before);
  });

  it('stands still while the message is on its way, and until it is answered for', async () => {
    const { budget, pass } = clock(1000);
    const stage = await open({
      message: (peer) => {
        pass(3_600_000);
        peer.say('250 queued\r\n');
      },
    });
    const outcome = await play(stage, {
      budget,
      content: () =>
        Readable.from(
          (function* () {
            for (let piece = 0; piece < 20; piece += 1) {
              pass(3_600_000);
              yield Buffer.from('x\r\n');
            }
          })(),
        ),
    });
    expect(words(outcome)).toBe('delivered 250');
    expect(budget.left()).toBe(1000);
  });

  it('bounds the counting of a message that cannot be read to its end', async () => {
    const before = resources();
    const stage = await open({ 'tls:EHLO': '250-mx.example\r\n250 SIZE 10' });
    const stuck = new Readable({ read: () => undefined });
    const outcome = await play(stage, {
      budget: new TimeBudget(300, () => performance.now()),
      terms: withOctets(100),
      content: () => stuck,
    });
    expect(words(outcome)).toBe('lost: the time for this attempt was up');
    expect(stuck.destroyed).toBe(true);
    await nothingLeft(before);
  });
});

function withOctets(octets: number): Terms {
  const { task } = required;
  if (task.kind !== 'deliver') throw new Error('no delivery');
  return { ...required, task: { kind: 'deliver', envelope: { ...task.envelope, octets } } };
}

const boom = (): never => {
  throw new Error('boom\r\nX: y');
};

describe('a fault of our own', () => {
  const failing = (after: number, how: (stream: Readable) => void) => (): Readable => {
    let given = 0;
    return new Readable({
      read() {
        if (given++ < after) this.push(Buffer.from('x'.repeat(30) + '\r\n'));
        else how(this);
      },
    });
  };
  const closedBefore = (): Readable => {
    const stream = new Readable({ read: () => undefined });
    stream.destroy();
    return stream;
  };

  it.each<[what: string, expected: RegExp, options: Partial<SessionParts>, behaviours?: Behaviours]>([
    [
      'the settings of TLS',
      /^tls config-invalid \(starttls\): TLS could not be begun .*: boom\\u/,
      { tls: { ...tlsPart, options: boom } },
    ],
    ['TLS that is not wanted', /^tls config-invalid \(starttls\)/, { tls: 'none' }],
    [
      'the judgement',
      /^tls internal-error \(verification\): the certificate check broke: boom\\u/,
      { tls: { ...tlsPart, judge: boom } },
    ],
    ['the machine', /^own fault: the session broke: boom\\u/, { transition: boom }],
    [
      'the machine, when all is sent',
      /^own fault: the session broke: boom\\u/,
      {
        transition: (terms, state, event) =>
          event.kind === 'message_sent' ? boom() : transition(terms, state, event),
      },
    ],
    ['the message', /^own fault: the message cannot be read from the queue: boom\\u/, { content: boom }],
    [
      'the message, to be counted',
      /^own fault: .*boom\\u/,
      { content: boom, terms: withOctets(100) },
      { 'tls:EHLO': '250-mx.example\r\n250 SIZE 10' },
    ],
    [
      'the message, while it is counted',
      /^own fault: the message cannot be read from the queue: gone/,
      { content: failing(3, (stream) => stream.destroy(new Error('gone'))), terms: withOctets(100) },
      { 'tls:EHLO': '250-mx.example\r\n250 SIZE 10' },
    ],
    [
      'the message, at once',
      /^own fault: the message cannot be read from the queue: gone/,
      { content: failing(0, (stream) => stream.destroy(new Error('gone'))) },
    ],
    [
      'the message, halfway',
      /^own fault: the message cannot be read from the queue: gone/,
      { content: failing(3, (stream) => stream.destroy(new Error('gone'))) },
    ],
    [
      'a message that is closed halfway, without a word',
      /^own fault: the message cannot be read from the queue: it was closed while it was read/,
      { content: failing(3, (stream) => stream.destroy()) },
    ],
    [
      'a message that is closed already',
      /^own fault: the message cannot be read from the queue: it was closed before it was read/,
      { content: closedBefore },
    ],
  ])(
    'in %s is the outcome, once, and leaves nothing behind',
    async (_what, expected, options, behaviours = {}) => {
      const before = resources();
      const stage = await open(behaviours);
      const outcome = await play(stage, options);
      expect(words(outcome)).toMatch(expected);
      expect(stage.peer.heard).not.toContain('(message)');
      expect(words(outcome)).not.toMatch(/[\r\n]/);
      await nothingLeft(before);
    },
  );

  it('in whoever watches changes nothing, wherever it is', async () => {
    const { observer } = recorder();
    for (const method of Object.keys(observer) as (keyof typeof observer)[]) {
      const before = resources();
      const stage = await open();
      const warnings: string[] = [];
      const watcher = { ...observer, warn: (line: string) => void warnings.push(line), [method]: boom };
      expect([method, words(await play(stage, { observer: watcher }))]).toEqual([method, 'delivered 250']);
      if (!['warn', 'missingStartTls'].includes(method))
        expect(warnings[0]).toMatch(/^whoever watches this session broke: boom\\u/);
      await nothingLeft(before);
    }
  });

  it('ends no process, whoever watches throws at everything', async () => {
    const everything = Object.fromEntries(Object.keys(recorder().observer).map((name) => [name, boom]));
    const stage = await open({ EHLO: '250 mx.example' });
    const observer = everything as unknown as SessionParts['observer'];
    const outcome = await play(stage, { observer, terms: { ...required, tls: { kind: 'if_offered' } } });
    expect(words(outcome)).toBe('delivered 250');
  });

  it('is told by whoever ends the session from outside, at any time', async () => {
    const before = resources();
    let reached = silence;
    const asked = new Promise<void>((resolve) => (reached = resolve));
    const stage = await open({ RCPT: () => reached() });
    const session = sessionOn(stage);
    const outcome = session.run();
    await asked;
    session.abandon('Haraka stops');
    session.abandon('again');
    expect(words(await outcome)).toBe('lost: Haraka stops');
    await session.closed();
    await stage.close();
    await nothingLeft(before);
  });
});

describe('a connection', () => {
  it('that is gone before the session begins is lost', async () => {
    const before = resources();
    const stage = await open();
    stage.client.destroy();
    expect(words(await play(stage))).toBe('lost: the peer closed the connection');
    await nothingLeft(before);
  });

  it.each<keyof Behaviours>(['greeting', 'EHLO', 'tls:EHLO', 'MAIL', 'RCPT', 'DATA', 'message', 'QUIT'])(
    'that is reset or closed at %s leaves nothing behind',
    async (at) => {
      const before = resources();
      for (const end of [
        (peer: Peer) => peer.raw.resetAndDestroy(),
        (peer: Peer) => peer.raw.destroy(),
        (peer: Peer) => peer.socket.end(),
        (peer: Peer) => peer.socket.end('25'),
      ]) {
        const stage = await open({ [at]: end });
        const outcome = await play(stage);
        expect(outcome.kind).toBe(at === 'QUIT' ? 'settled' : 'next_host');
      }
      await nothingLeft(before);
    },
  );

  it('has no listener left of whoever made it, nor its time-out', async () => {
    const stage = await open({ QUIT: silence });
    const heard: string[] = [];
    for (const name of ['data', 'end', 'close', 'timeout', 'error'])
      stage.client.on(name, () => heard.push(name));
    stage.client.setTimeout(30);
    expect(words(await play(stage, { timeouts: { ...patient, quit: 120 } }))).toBe('delivered 250');
    expect(heard).toEqual([]);
  });
});

describe('the message', () => {
  it.each([
    ['that ends in CRLF', text, text],
    ['that does not end in CRLF', 'x', 'x\r\n'],
    ['that ends in half of it', 'x\r', 'x\r\r\n'],
    ['that ends in a bare line feed', 'x\n', 'x\n\r\n'],
    ['that is empty', '', ''],
  ])('%s is followed by the dot on a line of its own', async (_what, given, taken) => {
    for (const pieces of [[given], given.split(/(?=.)/s)]) {
      const stage = await open();
      const content = () => Readable.from(pieces.map((piece) => Buffer.from(piece)));
      expect(words(await play(stage, { content }))).toBe('delivered 250');
      expect(stage.peer.message).toBe(taken);
    }
  });

  it('of 5 MB is read no faster than a slow peer takes it, and comes whole', async () => {
    const before = resources();
    const size = 80 * 65_536;
    let given = 0;
    let most = 0;
    const message = new Readable({
      highWaterMark: 65_536,
      read() {
        if (given === size) this.push(null);
        else this.push(Buffer.alloc(65_536, `${'x'.repeat(62)}\r\n`));
        given = Math.min(size, given + 65_536);
      },
    });
    const stage = await open({
      DATA: (peer) => {
        peer.say('354 go\r\n');
        let taken = 0;
        let tail = '';
        peer.socket.removeAllListeners('data');
        peer.socket.on('data', (chunk: Buffer) => {
          taken += chunk.length;
          tail = (tail + chunk.toString('latin1').slice(-5)).slice(-5);
          const { writableLength } = stage.client;
          most = Math.max(most, writableLength, waiting());
          peer.socket.pause();
          setImmediate(() => peer.socket.resume());
          if (tail !== '\r\n.\r\n') return;
          peer.say(`250 ${taken}\r\n`);
        });
      },
      QUIT: '221 bye',
    });
    const session = sessionOn(stage, { content: () => message, timeouts: { ...patient, quit: 50 } });
    const waiting = () => message.readableLength;
    const outcome = await session.run();
    expect(outcome).toMatchObject({ kind: 'settled', recipients: [{ answer: { text: String(size + 3) } }] });
    expect(most).toBeLessThanOrEqual(3 * 65_536);
    await session.closed();
    await stage.close();
    await nothingLeft(before);
  });

  it('without end, to a peer that reads nothing, fills no memory', async () => {
    const before = resources();
    const stage = await open({ DATA: deaf });
    let given = 0;
    const message = endless();
    message.on('data', (piece: Buffer) => (given += piece.length));
    message.pause();
    await play(stage, { content: () => message, timeouts: { ...patient, dataBlock: 300 } });
    // What the system's buffers of four sockets take, and no more.
    expect(given).toBeLessThan(48 * 1024 * 1024);
    await nothingLeft(before);
  });
});

describe('behind STARTTLS', () => {
  it.each([
    ['the beginning of a reply', '220 go\r\n25', 'starttls'],
    ['a whole reply', '220 go\r\n250 mx.example\r\n', 'starttls'],
  ])('%s in cleartext is not read as if it came through TLS', async (_what, said) => {
    const before = resources();
    const stage = await open({ STARTTLS: (peer) => peer.say(said), handshake: silence });
    expect(words(await play(stage))).toBe(
      'tls tls-handshake-failed (starttls): the peer sent data in cleartext after it had agreed to STARTTLS',
    );
    await nothingLeft(before);
  });

  it('what a peer says before the handshake, in a packet of its own, ends the handshake', async () => {
    const before = resources();
    const stage = await open({
      handshake: (peer) => {
        peer.raw.removeAllListeners('data');
        peer.raw.once('data', () => peer.say('250 mx.example\r\n250 ok\r\n'));
      },
    });
    expect(words(await play(stage))).toMatch(/^tls tls-handshake-failed \(starttls\): /);
    expect(stage.wire().toString('latin1')).not.toContain('MAIL');
    await nothingLeft(before);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a peer that closes once the handshake is done (%s) has broken it',
    async (version) => {
      for (const end of [(peer: Peer) => peer.secured?.end(), (peer: Peer) => peer.raw.destroy()]) {
        const before = resources();
        const stage = await open(
          {
            handshake: (peer) => {
              peer.startTls();
              peer.secured?.once('secure', () => end(peer));
            },
          },
          { tls: { maxVersion: version, minVersion: version } },
        );
        const outcome = await play(stage);
        expect(words(outcome)).toMatch(/^tls tls-handshake-failed \((?:starttls|stalled)\): /);
        await nothingLeft(before);
      }
    },
  );

  it('a peer that does not take our certificate says so after the handshake (TLS 1.3), and TLS has failed', async () => {
    const before = resources();
    const stage = await open(
      {},
      { tls: { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' } },
    );
    expect(words(await play(stage))).toMatch(/^tls tls-handshake-failed \(starttls\): /);
    await nothingLeft(before);
  });
});

describe('a renegotiation (TLS 1.2)', () => {
  async function renegotiating(
    second: 'one' | 'other',
  ): Promise<{ outcome: string; heard: readonly string[] }> {
    const [one, other] = await Promise.all([certificateFor('mx.example'), certificateFor('mx.example')]);
    const contexts = { one, other };
    const context = (which: 'one' | 'other') =>
      tls.createSecureContext({
        key: contexts[which].keyPem,
        cert: contexts[which].chainPem,
        maxVersion: 'TLSv1.2',
        // One that resumes a session shows no certificate.
        secureOptions: constants.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION,
      });
    let handshakes = 0;
    const stage = await open(
      {
        MAIL: ({ secured, say }) => {
          secured?.setKeyCert(context(second));
          secured?.on('secure', () => (handshakes += 1));
          secured?.renegotiate({}, () => undefined);
          say('250 ok\r\n');
        },
      },
      { tls: { secureContext: context('one') } },
    );
    const outcome = await play(stage, {
      timeouts: { ...patient, mail: 3000 },
      tls: {
        ...tlsPart,
        options: () => ({ rejectUnauthorized: false, maxVersion: 'TLSv1.2', servername: 'mx.example' }),
      },
    });
    expect(handshakes).toBe(1);
    return { outcome: words(outcome), heard: stage.peer.heard };
  }

  it('may show the certificate that was verified', async () => {
    expect((await renegotiating('one')).outcome).toBe('delivered 250');
  });

  it('may not show another one', async () => {
    const { outcome, heard } = await renegotiating('other');
    expect(outcome).toBe(
      'tls validation-failure (verification): the peer showed another certificate when it renegotiated TLS',
    );
    expect(heard.some((line) => line.startsWith('RCPT'))).toBe(false);
  });
});

describe('several replies in one packet', () => {
  it('are read in order where they were asked for', async () => {
    const stage = await open({
      ...pipelining,
      MAIL: silence,
      RCPT: silence,
      DATA: '250 ok\r\n250 ok\r\n354 go',
    });
    // The peer reads the message as commands here; what counts is that it is sent.
    expect((await play(stage, { timeouts: { ...patient, finalDot: 80 } })).kind).toBe('settled');
  });
});
