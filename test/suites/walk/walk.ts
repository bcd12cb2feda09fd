/** What the steps of the walk have in common: the world around, the service, and what was typed. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BuiltWorld } from '../../../haraka-test-harness/build_world';
import type { SmtpPeer } from '../../../haraka-test-harness/smtp_peer';
import { run, type Ran } from './machine';
import { command } from './pages';
import { Service } from './service';

/** What a delivery has to come to. */
export interface Fate {
  readonly to: string;
  /** Of the line in the log. */
  readonly line: RegExp;
  /** What the peer saw: the TLS version, `cleartext`, or nothing. */
  readonly seen: RegExp | 'nothing';
}

export class Walk {
  readonly service = new Service();
  readonly #world: BuiltWorld;
  readonly #say: (text: string) => void;

  constructor(world: BuiltWorld, say: (text: string) => void) {
    this.#world = world;
    this.#say = say;
  }

  get world(): BuiltWorld {
    return this.#world;
  }

  peer(domain: string): SmtpPeer {
    const peer = this.#world.peers.get(`mx.${domain}`);
    if (peer === undefined) throw new Error(`there is no peer ${domain}`);
    return peer;
  }

  /**
   * Types a command that a page gives, and returns what it wrote.
   *
   * @param code its exit code; 0 where absent
   * @throws Error where it ends otherwise
   */
  async type(
    script: string,
    { directory, code = 0 }: { directory?: string; code?: number } = {},
  ): Promise<string> {
    this.#say(`$ ${script.replaceAll('\n', '\n  ')}`);
    const ran: Ran = await run(script, directory);
    if (ran.code !== code) throw new Error(`exit code ${ran.code} rather than ${code}:\n${ran.output}`);
    return ran.output;
  }

  /** Writes what a page shows, or adds it to what is there. */
  edit(file: string, text: string, how: 'as it is' | 'added'): void {
    const target = path.join('/srv/haraka/config', file);
    this.#say(`${how === 'added' ? '>>' : '>'} config/${file}\n${text.replaceAll(/^/gm, '  ')}`);
    mkdirSync(path.dirname(target), { recursive: true });
    if (how === 'added') appendFileSync(target, `\n${text}\n`);
    else writeFileSync(target, `${text}\n`);
  }

  read(file: string): string {
    return readFileSync(path.join('/srv/haraka/config', file), 'utf8');
  }

  /** Does `change` while Haraka runs, and waits until every process has had the time to take it in. */
  async reloaded(pattern: RegExp, change: () => void | Promise<void>): Promise<void> {
    const from = this.service.mark;
    await change();
    await this.service.waitFor(pattern, { from });
    // One process says it for all, and no other says when it has looked: each does every second.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }

  /** The message of the README to one peer after the other, and what the log and the peer say of it. */
  async send(fates: readonly Fate[]): Promise<void> {
    for (const { to, line, seen } of fates) {
      const from = this.service.mark;
      const before = this.peer(to).messages.length;
      await this.type(command('README.md', "printf 'Subject: hello", { 'you@partner.example': `you@${to}` }));
      const [logged = ''] = await this.service.waitFor(
        new RegExp(`tls-peers (?:delivered|deferred) .*peer=${to.replaceAll('.', '\\.')} `),
        { from },
      );
      if (!line.test(logged)) throw new Error(`not like ${String(line)}: ${logged}`);
      const messages = this.peer(to).messages.slice(before);
      const what = messages.map(({ protection }) => protection).join();
      if (seen === 'nothing' ? messages.length > 0 : !seen.test(what))
        throw new Error(`${to} saw ${what || 'nothing'} rather than ${String(seen)}`);
    }
  }
}

/** `nodes` of smtp.ini. */
export const workers = 2;

/** @throws Error with the text where it is not like that */
export function mustSay(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`not like ${String(pattern)}:\n${text}`);
}

/** @throws Error with the text where it is like that */
export function mustNotSay(text: string, pattern: RegExp): void {
  if (pattern.test(text)) throw new Error(`like ${String(pattern)}:\n${text}`);
}
