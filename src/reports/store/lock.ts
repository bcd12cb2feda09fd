/**
 * Who sends, when several processes would: the one whose file has the highest number. Haraka has one of its workers do it; this is
 * for what Haraka does not know of, such as two masters while one follows the other. Who takes over from a process that is gone
 * makes the file with the next number, which only one can, and nobody removes the highest: two never have the duty.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { fieldsIn } from '../../json_lines';
import { codeOf } from '../../state/error_code';
import { isMissing } from '../../state/state_fault';

/** Milliseconds without a sign of life after which the holder is taken for gone. */
const deadAfter = 180_000;

/** Milliseconds between two signs of life. */
const beat = 30_000;

/** Of this process: another that had its number before is gone. */
const ownTokens = new Set<string>();

export class SenderLock {
  readonly #directory: string;
  readonly #token = randomBytes(8).toString('hex');
  #held: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    ownTokens.add(this.#token);
  }

  /** Takes the duty, or shows that its holder lives. @throws Error where the directory cannot be used */
  async take(): Promise<'held' | 'others'> {
    if (await this.isHeld()) {
      await this.#showLife();
      return 'held';
    }
    const last = await this.#last();
    if (last > 0 && !(await this.#isGone(last))) return 'others';
    return this.#takeAs(last + 1);
  }

  /** Whether it is still ours: a process that stood still for long may have been taken for gone. */
  async isHeld(): Promise<boolean> {
    return this.#held !== undefined && (await this.#last()) === this.#held;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    ownTokens.delete(this.#token);
    if (!(await this.isHeld())) return;
    const file = this.#file(this.#held ?? 0);
    this.#held = undefined;
    await fs.utimes(file, 0, 0);
  }

  async #takeAs(number: number): Promise<'held' | 'others'> {
    const file = this.#file(number);
    try {
      await fs.writeFile(file, JSON.stringify({ host: hostname(), pid: process.pid, token: this.#token }), {
        flag: 'wx',
        mode: 0o600,
      });
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'others';
      throw error;
    }
    if ((await this.#last()) !== number) {
      // Another one was faster by more than one step, and has removed what stood in the way of this number.
      await fs.rm(file, { force: true });
      return 'others';
    }
    this.#held = number;
    await this.#showLife();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#showLife().catch(() => undefined), beat).unref();
    for (const older of await this.#numbers())
      if (older < number) await fs.rm(this.#file(older), { force: true });
    return 'held';
  }

  async #showLife(): Promise<void> {
    if (this.#held === undefined) return;
    const now = new Date();
    await fs.utimes(this.#file(this.#held), now, now);
  }

  async #isGone(number: number): Promise<boolean> {
    try {
      const { mtimeMs } = await fs.stat(this.#file(number));
      return Date.now() - mtimeMs >= deadAfter || isDead(await fs.readFile(this.#file(number), 'utf8'));
    } catch (error) {
      // A higher one has taken its place.
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** 0 where nobody ever had the duty. */
  async #last(): Promise<number> {
    return Math.max(0, ...(await this.#numbers()));
  }

  async #numbers(): Promise<number[]> {
    const names = await fs.readdir(this.#directory).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names.flatMap((name) => {
      const [, digits] = /^sender\.([1-9]\d{0,14})\.json$/.exec(name) ?? [];
      return digits === undefined ? [] : [Number(digits)];
    });
  }

  #file(number: number): string {
    return path.join(this.#directory, `sender.${number}.json`);
  }
}

/** Only of this host it can be told. */
function isDead(holder: string): boolean {
  const { host, pid, token } = fieldsIn(holder) ?? {};
  if (host !== hostname() || typeof pid !== 'number') return false;
  if (pid === process.pid) return typeof token !== 'string' || !ownTokens.has(token);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}
