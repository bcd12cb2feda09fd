/** An SMTP or LMTP server that follows a script, and keeps every octet that came, and what it made of them. */
import { EventEmitter, once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';

import type { About, Act, Answer, Handshake, Point, Reaction, Script } from './script';

export interface Transfer {
  readonly from: string;
  /** The parameters of MAIL. */
  readonly parameters: string;
  /** Local parts of the accepted recipients. */
  readonly to: readonly string[];
  /** As it came, dot-stuffed, without the final dot; latin1. */
  readonly wire: string;
  /** Of what accepts: recipients whose copy this peer answered for with 2xx. */
  readonly taken: readonly string[];
  readonly protection: 'TLS' | 'cleartext';
}

export interface Visit {
  readonly cleartext: string;
  readonly encrypted: string;
  readonly commands: readonly string[];
  readonly transfers: readonly Transfer[];
  readonly state: 'open' | 'closed';
}

export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Where it listens besides, on a UNIX socket. */
  readonly socket: string;
  readonly visits: readonly Visit[];
  /** Resolves once no connection is open, or after so many milliseconds. */
  settled(timeoutMs: number): Promise<void>;
  /** As if nobody had ever come. */
  forget(): void;
  stop(): Promise<void>;
}

export interface PeerOptions {
  readonly name: string;
  readonly address: string;
  readonly socket: string;
  readonly script: Script;
  readonly context: SecureContext;
  /** Told of every visit, as it begins. */
  readonly visited: (name: string) => void;
}

export async function startPeer(options: PeerOptions): Promise<Peer> {
  const visits: Session[] = [];
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const welcome = (socket: Socket): void => {
    options.visited(options.name);
    visits.push(new Session(socket, options, visits.length, () => changes.emit('change')));
  };
  const servers: Server[] = [createServer({ noDelay: true }, welcome)];
  servers[0]!.listen(0, options.address);
  await once(servers[0]!, 'listening');
  const local = createServer(welcome);
  local.listen(options.socket);
  await once(local, 'listening');
  servers.push(local);
  return {
    name: options.name,
    address: options.address,
    port: (servers[0]!.address() as AddressInfo).port,
    socket: options.socket,
    visits,
    settled: async (timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs);
      while (!signal.aborted && visits.some(({ state }) => state === 'open'))
        await once(changes, 'change', { signal }).catch(() => undefined);
    },
    forget: () => {
      visits.splice(0).forEach((visit) => visit.destroy());
    },
    stop: async () => {
      visits.forEach((visit) => visit.destroy());
      await Promise.all(
        servers.map(async (server) => {
          const closed = once(server, 'close');
          server.close();
          await closed;
        }),
      );
      await rm(options.socket, { force: true });
    },
  };
}

const endOfBody = '\r\n.\r\n';

/** Collects a message up to the lone dot, in linear time. */
class Body {
  #parts: string[] = [];
  /** The line end before the message, and what of it may yet become its end. */
  #tail = '\r\n';
  /** What came behind the dot. */
  excess = '';

  /** The message, as it came, once it is whole. */
  take(text: string): { readonly wire: string } | 'unfinished' {
    const seen = this.#tail + text;
    const end = seen.indexOf(endOfBody);
    this.#parts.push(text);
    if (end < 0) {
      this.#tail = seen.slice(-endOfBody.length + 1);
      this.excess = '';
      return 'unfinished';
    }
    const whole = this.#parts.join('');
    this.excess = seen.slice(end + endOfBody.length);
    this.#parts = [];
    this.#tail = '\r\n';
    return { wire: whole.slice(0, whole.length - this.excess.length - '.\r\n'.length) };
  }
}

/** Beyond this, what came is counted but not kept. */
const kept = 256 * 1024;

class Session implements Visit {
  cleartext = '';
  encrypted = '';
  readonly commands: string[] = [];
  readonly transfers: Transfer[] = [];
  state: 'open' | 'closed' = 'open';

  #stream: Socket;
  #secured = false;
  #pending = '';
  readonly #body = new Body();
  #mode: 'commands' | 'body' | 'auth' | 'handshake' = 'commands';
  #from = '';
  #parameters = '';
  #accepted: string[] = [];
  readonly #times = new Map<Point, number>();
  /** What is still to be done, in order. */
  #acts: Promise<void> = Promise.resolve();
  /** Answers of which more than the last act is still to be done. */
  #busy = 0;

  readonly #socket: Socket;
  readonly #options: PeerOptions;
  readonly #connection: number;

  constructor(socket: Socket, options: PeerOptions, connection: number, changed: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#connection = connection;
    this.#stream = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.state = 'closed';
      changed();
    });
    this.#listen(socket);
    this.#act(this.#reactionAt('connect', ''));
  }

  destroy(): void {
    this.#stream.destroy();
    this.#socket.destroy();
  }

  #listen(stream: Socket): void {
    stream.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (this.#mode === 'handshake') return;
      if (this.#secured) {
        if (this.encrypted.length < kept) this.encrypted += text;
      } else if (this.cleartext.length < kept) this.cleartext += text;
      this.#pending += text;
      this.#read();
    });
  }

  #read(): void {
    const answers: Answer[] = [];
    while (this.#mode !== 'handshake') {
      if (this.#mode === 'body') {
        const message = this.#body.take(this.#pending);
        this.#pending = this.#body.excess;
        if (message === 'unfinished') break;
        this.#mode = 'commands';
        answers.push(this.#take(message.wire));
        continue;
      }
      const end = this.#pending.indexOf('\r\n');
      if (end < 0) break;
      const line = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + 2);
      answers.push(this.#obey(line));
    }
    if (this.#options.script.replies === 'merged') this.#act(merged(answers));
    else answers.forEach((answer) => this.#act(answer));
  }

  #obey(line: string): Answer {
    if (this.#mode === 'auth') {
      const answer = this.#reactionAt('auth_line', line);
      this.#mode = textOf(answer).startsWith('3') ? 'auth' : 'commands';
      return answer;
    }
    if (this.commands.length < 5000) this.commands.push(line.slice(0, 2000));
    const verb = (/^[a-z]*/i.exec(line)?.[0] ?? '').toUpperCase();
    switch (verb) {
      case 'EHLO':
      case 'LHLO':
        this.#accepted = [];
        return this.#reactionAt('ehlo', line);
      case 'HELO':
        return this.#reactionAt('helo', line);
      case 'STARTTLS': {
        if (this.#secured) return [{ do: 'say', text: '503 5.5.1 TLS is on already\r\n' }];
        const answer = this.#reactionAt('starttls', line);
        if (answer.some((act) => act.do === 'upgrade')) {
          this.#mode = 'handshake';
          this.#pending = '';
          this.#socket.removeAllListeners('data');
          this.#socket.pause();
        }
        return answer;
      }
      case 'AUTH': {
        const answer = this.#reactionAt('auth', line);
        if (textOf(answer).startsWith('3')) this.#mode = 'auth';
        return answer;
      }
      case 'MAIL': {
        const [, path = '', parameters = ''] = /<([^>]*)>\s*(.*)$/.exec(line) ?? [];
        this.#from = path;
        this.#parameters = parameters;
        this.#accepted = [];
        return this.#reactionAt('mail', line);
      }
      case 'RCPT': {
        const recipient = recipientIn(line);
        const answer = this.#reactionAt('rcpt', line, recipient);
        if (/^2/.test(textOf(answer))) this.#accepted.push(recipient);
        return answer;
      }
      case 'DATA': {
        const answer = this.#reactionAt('data', line);
        if (/(?:^|\n)3/.test(textOf(answer))) this.#mode = 'body';
        return answer;
      }
      case 'QUIT':
        return this.#reactionAt('quit', line);
      default:
        return this.#reactionAt('other', line);
    }
  }

  #take(wire: string): Answer {
    const answer = this.#reactionAt('body', '');
    // In LMTP one reply for each accepted recipient, in their order (RFC 2033 section 4.2).
    const codes = [...textOf(answer).matchAll(/^(\d)\d\d(?: |\r|$)/gm)].map(([, digit]) => digit);
    const lmtp = this.#options.script.protocol === 'lmtp';
    this.transfers.push({
      from: this.#from,
      parameters: this.#parameters,
      to: this.#accepted,
      wire,
      taken: this.#accepted.filter((_, index) => codes[lmtp ? index : 0] === '2'),
      protection: this.#secured ? 'TLS' : 'cleartext',
    });
    return answer;
  }

  #reactionAt(point: Point, line: string, recipient = ''): Answer {
    const time = this.#times.get(point) ?? 0;
    this.#times.set(point, time + 1);
    const { script } = this.#options;
    const about: About = {
      line,
      recipient,
      time,
      connection: this.#connection,
      secured: this.#secured,
      accepted: this.#accepted,
      arrival: this.#busy > 0 || this.#pending !== '' ? 'early' : 'in time',
    };
    const scripted: Reaction | undefined =
      (this.#secured ? script.inside : script.outside)?.[point] ?? script[point];
    const answer = typeof scripted === 'function' ? scripted(about) : (scripted ?? 'ordinary');
    return answer === 'ordinary' ? this.#ordinary(point) : answer;
  }

  #ordinary(point: Point): Answer {
    const { script, name } = this.#options;
    const line = (text: string): Answer => [{ do: 'say', text: `${text}\r\n` }];
    switch (point) {
      case 'connect':
        return line(`220 ${name} ready`);
      case 'ehlo': {
        const offers = [
          ...(script.offers ?? ['8BITMIME', 'SIZE 50000000']),
          ...(script.tls !== 'withheld' && !this.#secured ? ['STARTTLS'] : []),
        ];
        const lines = [name, ...offers];
        return line(lines.map((one, at) => `250${at === lines.length - 1 ? ' ' : '-'}${one}`).join('\r\n'));
      }
      case 'helo':
        return line(`250 ${name}`);
      case 'starttls':
        return [...line('220 2.0.0 go ahead'), { do: 'upgrade', handshake: 'complete' }];
      case 'auth':
      case 'auth_line':
        return line('235 2.7.0 welcome');
      case 'mail':
        return line('250 2.1.0 sender ok');
      case 'rcpt':
        return line('250 2.1.5 recipient ok');
      case 'data':
        // RFC 2920 section 3.1: without an accepted recipient the answer to DATA is a refusal.
        return line(this.#accepted.length > 0 ? '354 go on' : '503 5.5.1 no recipients');
      case 'body':
        return script.protocol === 'lmtp'
          ? line(this.#accepted.map((one) => `250 2.0.0 ${one} has it`).join('\r\n'))
          : line('250 2.0.0 taken');
      case 'quit':
        return [...line('221 2.0.0 bye'), { do: 'close' }];
      case 'other':
        return line('500 5.5.2 what?');
    }
  }

  #act(answer: Answer): void {
    this.#busy++;
    this.#acts = this.#acts.then(async () => {
      for (const [at, act] of answer.entries()) {
        if (at === answer.length - 1) this.#busy--;
        if (this.#isOpen()) await this.#perform(act);
      }
      if (answer.length === 0) this.#busy--;
    });
  }

  async #perform(act: Act): Promise<void> {
    switch (act.do) {
      case 'say':
        await this.#write(act.text);
        return;
      case 'pieces':
        for (let at = 0; at < act.text.length && this.#stream.writable; at += act.size) {
          await this.#write(act.text.slice(at, at + act.size));
          if (act.everyMs > 0) await this.#pass(act.everyMs);
        }
        return;
      case 'mean':
        return;
      case 'wait':
        await this.#pass(act.ms);
        return;
      case 'repeat':
        while (this.#isOpen() && this.#stream.writable) {
          await this.#write(act.text);
          await this.#pass(act.everyMs);
        }
        return;
      case 'deafen':
        this.#stream.pause();
        return;
      case 'nap':
        this.#stream.pause();
        await this.#pass(act.ms);
        this.#stream.resume();
        return;
      case 'close':
        this.#stream.end();
        return;
      case 'reset':
        this.#socket.resetAndDestroy();
        return;
      case 'upgrade':
        await this.#upgrade(act.handshake);
        return;
    }
  }

  #isOpen(): boolean {
    return this.state === 'open';
  }

  /** Resolves once the other side's kernel has it, or the connection is gone. */
  async #write(text: string): Promise<void> {
    const stream = this.#stream;
    if (!stream.writable) return;
    await new Promise<void>((resolve) => {
      const gone = (): void => resolve();
      this.#socket.once('close', gone);
      stream.write(text, 'latin1', () => {
        this.#socket.removeListener('close', gone);
        resolve();
      });
    });
  }

  async #pass(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      const socket = this.#socket;
      function done(): void {
        clearTimeout(timer);
        socket.removeListener('close', done);
        resolve();
      }
      socket.once('close', done);
    });
  }

  /** A client that goes on in cleartext is heard, and so is caught. */
  async #upgrade(handshake: Handshake): Promise<void> {
    const socket = this.#socket;
    const first = await new Promise<Buffer | 'gone'>((resolve) => {
      socket.once('close', () => resolve('gone'));
      socket.once('data', resolve);
      socket.resume();
    });
    if (first === 'gone') return;
    if (first[0] !== handshakeRecord) {
      this.#mode = 'commands';
      this.#listen(socket);
      socket.emit('data', first);
      return;
    }
    socket.pause();
    switch (handshake) {
      case 'close':
        socket.end();
        socket.resume();
        return;
      case 'reset':
        socket.resetAndDestroy();
        return;
      case 'garbage':
        socket.write('this is no TLS\r\n');
        socket.resume();
        return;
      case 'complete':
      case 'then_close':
        socket.unshift(first);
        await this.#secure(handshake);
        return;
    }
  }

  async #secure(handshake: 'complete' | 'then_close'): Promise<void> {
    const secured = new TLSSocket(this.#socket, { isServer: true, secureContext: this.#options.context });
    secured.on('error', () => this.destroy());
    secured.on('close', () => this.#socket.destroy());
    const established = await new Promise<boolean>((resolve) => {
      secured.once('secure', () => resolve(true));
      this.#socket.once('close', () => resolve(false));
    });
    if (!established) return;
    this.#stream = secured;
    this.#secured = true;
    this.#mode = 'commands';
    this.#listen(secured);
    if (handshake === 'then_close') secured.end();
  }
}

/** The content type of a TLS handshake record (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

function textOf(answer: Answer): string {
  const meant = answer.find((act) => act.do === 'mean');
  return meant?.code ?? answer.map((act) => ('text' in act ? act.text : '')).join('');
}

/** Neighbouring texts become one write. */
function merged(answers: readonly Answer[]): Answer {
  return answers.flat().reduce<Act[]>((all, act) => {
    const last = all.at(-1);
    if (act.do === 'say' && last?.do === 'say')
      all[all.length - 1] = { do: 'say', text: last.text + act.text };
    else all.push(act);
    return all;
  }, []);
}

function recipientIn(line: string): string {
  const path = /<([^>]*)>/.exec(line)?.[1] ?? '';
  return path.slice(0, path.lastIndexOf('@'));
}
