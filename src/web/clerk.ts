/**
 * What is answered from the record, the rules and DNS is worked out in a thread of its own: no delivery waits for it. The thread
 * begins with the first question, and ends when nobody has asked for a while.
 */
import { Worker } from 'node:worker_threads';
import type { Log } from '../log';
import { messageOf } from '../text';
import { failure, type Answer } from './shared/answer';
import type { Answered, Question, ThreadData } from './shared/wire';

/** Milliseconds: for one answer, and without any question until the thread ends. */
const answerMs = 60_000;
const idleMs = 300_000;

/** Questions that wait for an answer. */
const mostWaiting = 32;

/** Octets of memory of the thread, in MB: a record that does not fit costs the page and not the mail. */
const memoryMb = 1_024;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
}

export class Clerk {
  readonly #file: string;
  readonly #data: ThreadData;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last = 0;

  /** @param file what the thread runs */
  constructor(file: string, data: ThreadData, log: Log) {
    this.#file = file;
    this.#data = data;
    this.#log = log;
  }

  /** Never rejects. */
  ask(question: Omit<Question, 'id'>): Promise<Answer> {
    if (this.#waiting.size >= mostWaiting)
      return Promise.resolve(failure(503, 'too many questions at once', { 'Retry-After': '1' }));
    return new Promise((resolve) => {
      const id = ++this.#last;
      const timer = setTimeout(() => this.#tooLate(id), answerMs);
      this.#waiting.set(id, { resolve, timer });
      try {
        this.#open().postMessage({ ...question, id } satisfies Question);
      } catch (error) {
        this.#settle(id, failure(500, 'the question could not be asked'));
        this.#log.error(`page: ${messageOf(error)}`);
      }
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, failure(503, 'this process ends'));
    await thread?.terminate();
  }

  #open(): Worker {
    clearTimeout(this.#idle);
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(this.#file, {
      workerData: this.#data,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      // What instruments Haraka's own process is not for it.
      execArgv: [],
      stdin: false,
    });
    // Haraka ends when its own work is done.
    thread.unref();
    thread.on('message', ({ id, ...answer }: Answered) => this.#settle(id, answer));
    thread.on('error', (error) => this.#log.error(`page: what answers it has failed: ${messageOf(error)}`));
    thread.on('exit', () => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      for (const id of [...this.#waiting.keys()])
        this.#settle(id, failure(503, 'what answers has failed; the log says why', { 'Retry-After': '5' }));
    });
    this.#thread = thread;
    return thread;
  }

  #settle(id: number, answer: Answer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    waiting.resolve(answer);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.close(), idleMs);
    this.#idle.unref();
  }

  /** A thread that hangs would hold up everything that is asked after. */
  #tooLate(id: number): void {
    this.#settle(id, failure(504, 'there was no answer in time'));
    const thread = this.#thread;
    if (this.#waiting.size === 0) return;
    this.#thread = undefined;
    void thread?.terminate();
    for (const other of [...this.#waiting.keys()]) this.#settle(other, failure(503, 'begun anew'));
  }
}
