/** A terminal of a given width: a pane of tmux, and what is to be seen in it once a command has ended. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface Screen {
  /** Exit code of the command. */
  readonly code: number;
  /** As the command wrote them. */
  readonly lines: readonly string[];
  /** Those that the terminal broke. */
  readonly broken: readonly string[];
  /** With the escape sequences for colours. */
  readonly coloured: string;
}

const ended = 'all of it was shown';

export function tmuxMissing(): boolean {
  return spawnSync('tmux', ['-V']).error !== undefined;
}

export class Tmux {
  readonly #directory: string;
  readonly #socket: string;
  #count = 0;

  /** @param directory for the socket and scripts; becomes nobody else's */
  constructor(directory: string) {
    this.#directory = directory;
    this.#socket = path.join(directory, 'tmux');
    writeFileSync(
      path.join(directory, 'tmux.conf'),
      [
        'set -g default-terminal tmux-256color',
        'set -g history-limit 200000',
        'set -g status off',
        'set -g remain-on-exit on',
        "set -g remain-on-exit-format ''",
        // A server without sessions would end between two of them.
        'set -g exit-empty off',
        '',
      ].join('\n'),
    );
  }

  /** Runs a shell's `script` in a pane that is `width` columns wide. @throws Error where it does not end in time */
  async run(script: string, width: number, timeoutMs: number): Promise<Screen> {
    const session = `s${++this.#count}`;
    const file = path.join(this.#directory, `${session}.sh`);
    writeFileSync(file, script);
    const codeFile = `${file}.code`;
    // A title is set in the order of the output: what is before it has been shown. That a pane is dead says no such thing.
    const command = `sh "$0"; echo $? > "$1"; printf '\\033]2;${ended}\\033\\\\'`;
    const pane = ['sh', '-c', command, file, codeFile];
    this.#tmux('new-session', '-d', '-s', session, '-x', String(width), '-y', '50', ...pane);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      // tmux itself loses the exit code now and then.
      if (this.#tmux('display', '-p', '-t', session, '#{pane_dead} #{pane_title}') === `1 ${ended}`)
        return this.#capture(session, Number(readFileSync(codeFile, 'utf8')));
      if (Date.now() > deadline) throw new Error(`no end in ${timeoutMs} ms:\n${this.#text(session)}`);
      await wait(100);
    }
  }

  stop(): void {
    spawnSync('tmux', ['-S', this.#socket, 'kill-server']);
  }

  #capture(session: string, code: number): Screen {
    const rows = linesOf(this.#text(session));
    const lines = linesOf(this.#text(session, '-J'));
    const screen = { code, lines, broken: brokenLines(rows, lines), coloured: this.#text(session, '-e') };
    this.#tmux('kill-session', '-t', session);
    return screen;
  }

  #text(session: string, ...options: string[]): string {
    return this.#tmux('capture-pane', '-p', ...options, '-t', session, '-S', '-', '-E', '-');
  }

  #tmux(...args: string[]): string {
    const conf = path.join(this.#directory, 'tmux.conf');
    const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', TERM: 'xterm-256color' };
    return execFileSync('tmux', ['-u', '-S', this.#socket, '-f', conf, ...args], {
      encoding: 'utf8',
      env,
      maxBuffer: 1e9,
    }).replace(/\n$/, '');
  }
}

/** Without the blanks that a terminal has behind each, and the empty rows below the last one. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Joined lines that take more than one row. */
function brokenLines(rows: readonly string[], joined: readonly string[]): string[] {
  const broken: string[] = [];
  let at = 0;
  for (const line of joined) {
    if (rows[at] === line) {
      at++;
      continue;
    }
    broken.push(line);
    for (let rest = line; rest !== '' && at < rows.length; at++) {
      const row = rows[at] ?? '';
      if (!rest.trimStart().startsWith(row.trimStart())) break;
      rest = rest.trimStart().slice(row.trimStart().length);
    }
  }
  return broken;
}
