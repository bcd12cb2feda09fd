/**
 * The token that opens everything: a line of text in a file that only Haraka's user, and whom the operator gives it to, may read.
 * Made where it is missing. Another one counts within seconds, and ends the sessions that came from the last.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Log } from '../../log';
import { temporaryIn } from '../../state/files';
import { codeOf } from '../../state/error_code';
import { readToken, stampOf } from '../../state/token';
import { messageOf, printable } from '../../text';
import { sessionKey, type SessionKey } from './sessions';

export interface Token {
  readonly sessionKey: SessionKey;
  /** In a time that says nothing of the token. */
  matches(given: string): boolean;
}

/** Milliseconds for which the file is not looked at again. */
const lookEvery = 2_000;

export class TokenFile {
  readonly #log: Log;
  #file = '';
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stamp = '';
  #token: Token | undefined;
  #said = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns `undefined` where there is none that could be used: nobody is let in then, and the log says why */
  current(file: string, now: number): Token | undefined {
    if (file === this.#file && now - this.#lookedAt < lookEvery) return this.#token;
    this.#file = file;
    this.#lookedAt = now;
    try {
      const stamp = stampOf(file) ?? made(file, this.#log);
      if (stamp !== this.#stamp || this.#token === undefined) this.#token = tokenOf(readToken(file));
      this.#stamp = stamp;
      this.#say('');
    } catch (error) {
      this.#token = undefined;
      this.#say(messageOf(error));
    }
    return this.#token;
  }

  #say(fault: string): void {
    if (fault !== '' && fault !== this.#said)
      this.#log.error(`the page lets nobody in: token_file ${printable(this.#file)}: ${printable(fault)}`);
    this.#said = fault;
  }
}

/** Several workers may come to this at once: the first file stands, whole. */
function made(file: string, log: Log): string {
  const directory = path.dirname(file);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = temporaryIn(directory);
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(fd, `${randomBytes(32).toString('base64url')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(temporary, file);
    log.notice(`the token for the page, its API and metrics was made: ${printable(file)}`);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const stamp = stampOf(file);
  if (stamp === undefined) throw new Error('it was removed as soon as it was made');
  return stamp;
}

function tokenOf(text: string): Token {
  const own = digestOf(text);
  return { sessionKey: sessionKey(text), matches: (given) => timingSafeEqual(own, digestOf(given)) };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
