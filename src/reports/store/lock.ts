/**
 * Who sends, when several processes would: the one that holds a file. Haraka has one of its workers do it; this is for what
 * Haraka does not know of, such as two masters while one follows the other.
 */
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { codeOf } from '../../state/error_code';
import { isMissing } from '../../state/state_fault';

const name = 'sender.json';

/** Milliseconds without a sign of life after which the holder is taken for gone. */
const deadAfter = 180_000;

export class SenderLock {
  readonly #file: string;
  #held = false;

  constructor(directory: string) {
    this.#file = path.join(directory, name);
  }

  /** Takes the lock, or shows that its holder lives. @throws Error where the directory cannot be used */
  async take(): Promise<'held' | 'others'> {
    const own = JSON.stringify({ host: hostname(), pid: process.pid });
    if (this.#held && (await this.#read()) === own) {
      const now = new Date();
      await fs.utimes(this.#file, now, now);
      return 'held';
    }
    this.#held = false;
    if (!(await this.#isFree(own))) return 'others';
    try {
      await fs.writeFile(this.#file, own, { flag: 'wx', mode: 0o600 });
      this.#held = true;
      return 'held';
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'others';
      throw error;
    }
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await fs.rm(this.#file, { force: true });
  }

  async #read(): Promise<string> {
    return fs.readFile(this.#file, 'utf8').catch(() => '');
  }

  /** Removes the file of a holder that is gone. Two who do so at a time still have one file to make. */
  async #isFree(own: string): Promise<boolean> {
    try {
      const { mtimeMs } = await fs.stat(this.#file);
      const holder = await this.#read();
      if (holder !== own && Date.now() - mtimeMs < deadAfter && !isDead(holder)) return false;
      await fs.rm(this.#file, { force: true });
      return true;
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  }
}

/** Only of this host it can be told. */
function isDead(holder: string): boolean {
  try {
    const { host, pid } = JSON.parse(holder) as { host?: unknown; pid?: unknown };
    if (host !== hostname() || typeof pid !== 'number') return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}
