/** Writes down which files with rules there are, whenever that changes. */
import { unlessAborted, withDeadline } from '../../deadline';
import type { Log } from '../../log';
import { StateFault } from '../../state/state_fault';
import { messageOf, printable } from '../../text';
import type { Followed } from '../load/remembered';
import type { RulesMemory } from '../load/rules_memory';

/** What of the loaded settings is written down, and where. */
export interface ToRemember {
  readonly recollection: Followed['recollection'];
  readonly stateDirectory: string;
}

/** How often it is tried again, also where nothing failed: somebody may have removed the file. Milliseconds. */
const again = 60_000;
const patience = 10_000;

/** One directory at a time and one writing at a time; a directory that cannot be used costs its memory, not mail. */
export class Reminder {
  #state: 'not_begun' | 'idle' | 'writing' | 'ended' = 'not_begun';
  #written: ToRemember | undefined;
  #triedAt = 0;
  readonly #complaints = new Map<string, string>();

  readonly #memory: RulesMemory;
  readonly #log: Log;

  constructor(memory: RulesMemory, log: Log) {
    this.#memory = memory;
    this.#log = log;
  }

  begin(loaded: ToRemember): void {
    if (this.#state !== 'not_begun') return;
    this.#state = 'idle';
    this.remind(loaded);
  }

  end(): void {
    this.#state = 'ended';
  }

  /** To be called after every loading, and from time to time in between. */
  remind(loaded: ToRemember): void {
    if (this.#state !== 'idle' || loaded.recollection.kind !== 'known') return;
    const now = performance.now();
    if (this.#written?.recollection === loaded.recollection && now < this.#triedAt + again) return;
    this.#written = loaded;
    this.#triedAt = now;
    this.#state = 'writing';
    void this.#write(loaded).finally(() => {
      if (this.#state === 'writing') this.#state = 'idle';
    });
  }

  async #write({ recollection, stateDirectory }: ToRemember): Promise<void> {
    if (recollection.kind !== 'known') return;
    for (const directory of this.#memory.directories(stateDirectory)) {
      const late = () => Promise.reject(new Error('the file system does not answer'));
      await withDeadline(patience, undefined, (signal) =>
        unlessAborted(this.#memory.write(directory, recollection.remembered), signal, late),
      ).then(
        () => this.#complaints.delete(directory),
        (error: unknown) => this.#complain(directory, whyNot(error)),
      );
    }
  }

  #complain(directory: string, why: string): void {
    if (this.#complaints.get(directory) === why) return;
    this.#complaints.set(directory, why);
    this.#log.error(
      `which files with rules there are could not be written down in ${directory}: ${printable(why, 600)}; ` +
        'a process that starts after they vanished will not miss them',
    );
  }
}

function whyNot(error: unknown): string {
  return error instanceof StateFault ? `${error.message} (as root: ${error.remedy})` : messageOf(error);
}
