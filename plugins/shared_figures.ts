/**
 * What workers count, put together by their master: any worker can then answer for all. The sums of a worker that ends stay, so
 * that counters never fall until all of Haraka ends. What is said by one worker to the others goes the same way.
 */
import cluster, { type Worker } from 'node:cluster';
import { noFigures, summed, type Figures } from '../src/figures';

const events = {
  figures: 'tls-peers.figures',
  tell: 'tls-peers.figures_wanted',
  ask: 'tls-peers.sums_wanted',
  sums: 'tls-peers.sums',
  notice: 'tls-peers.notice',
} as const;

/** Milliseconds until a worker that says nothing is taken by what it said last. */
const patienceMs = 500;

/** Workers that have ended whose last word may still be on its way. */
const lately = 16;

/** What is told to workers that begin later, at most. */
const noticesKept = 1_000;

let isKeeping = false;

/** In the master, before there are workers. */
export function keepFigures(): void {
  if (isKeeping) return;
  isKeeping = true;
  const alive = new Map<number, Figures>();
  const ended = new Map<number, Figures>();
  const notices: string[] = [];
  let gone = noFigures;
  /** Called when a worker has told its figures. */
  const listeners = new Set<(worker: number) => void>();

  const sums = (): Figures => summed([gone, ...ended.values(), ...alive.values()]);
  const end = ({ id }: Worker): void => {
    const last = alive.get(id);
    alive.delete(id);
    // What it counted stays; what it was is over.
    if (last !== undefined) ended.set(id, { ...last, gauges: [], processes: 0 });
    for (const [oldest, figures] of ended) {
      if (ended.size <= lately) break;
      ended.delete(oldest);
      gone = summed([gone, figures]);
    }
    for (const listener of listeners) listener(id);
  };
  const answer = (asker: Worker, id: number): void => {
    const waited = new Set(connected().map((worker) => worker.id));
    const finish = (): void => {
      clearTimeout(timer);
      listeners.delete(heard);
      send(asker, { event: events.sums, id, figures: sums() });
    };
    const heard = (worker: number): void => {
      waited.delete(worker);
      if (waited.size === 0) finish();
    };
    const timer = setTimeout(finish, patienceMs);
    listeners.add(heard);
    for (const worker of connected()) send(worker, { event: events.tell });
  };
  cluster.on('message', (worker, message: unknown) => {
    if (!isMessage(message)) return;
    if (message.event === events.figures && message.figures !== undefined) {
      if (ended.has(worker.id)) ended.set(worker.id, { ...message.figures, gauges: [], processes: 0 });
      else alive.set(worker.id, message.figures);
      for (const listener of listeners) listener(worker.id);
    } else if (message.event === events.ask && message.id !== undefined) answer(worker, message.id);
    else if (message.event === events.notice && message.text !== undefined) {
      if (message.isKept === true) notices.push(message.text);
      if (notices.length > noticesKept) notices.shift();
      for (const other of connected())
        if (other.id !== worker.id) send(other, { event: events.notice, text: message.text });
    }
  });
  cluster.on('online', (worker) => {
    for (const text of notices) send(worker, { event: events.notice, text });
  });
  cluster.on('exit', end);
}

function connected(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter(
    (worker): worker is Worker => worker?.isConnected() === true,
  );
}

function send(worker: Worker, message: Message): void {
  // It may end at any time, and then has nothing to be told.
  worker.send(message, () => undefined);
}

interface Message {
  readonly event: string;
  readonly id?: number;
  readonly figures?: Figures;
  readonly text?: string;
  readonly isKept?: boolean;
}

/** Haraka's own messages between its processes have an event as well. */
function isMessage(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'event' in message;
}

/** Milliseconds between two times that a worker tells what it has counted: a worker that is killed takes with it what came since. */
const tellMs = 1_000;

export interface SharedFigures {
  /** Of all processes. Never rejects. */
  sums(): Promise<Figures>;
  /** Has every other process told `text`. @param to `all`: also those that begin later */
  notify(text: string, to: 'all' | 'present'): void;
  close(): void;
}

/** In a process that counts. @param own what it has counted */
export function shareFigures(own: () => Figures, heard: (notice: string) => void): SharedFigures {
  if (cluster.isPrimary || process.send === undefined)
    return { sums: () => Promise.resolve(own()), notify: () => undefined, close: () => undefined };
  return new WorkerFigures(own, heard);
}

class WorkerFigures implements SharedFigures {
  readonly #own: () => Figures;
  readonly #heard: (notice: string) => void;
  readonly #asked = new Map<number, (figures: Figures) => void>();
  readonly #timer: NodeJS.Timeout;
  #told = '';
  #last = 0;

  constructor(own: () => Figures, heard: (notice: string) => void) {
    this.#own = own;
    this.#heard = heard;
    process.on('message', this.#listen);
    this.#timer = setInterval(() => this.#tell('if_new'), tellMs);
    this.#timer.unref();
  }

  sums(): Promise<Figures> {
    return new Promise((resolve) => {
      const id = ++this.#last;
      const settle = (figures: Figures): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(figures);
      };
      const timer = setTimeout(() => settle(this.#own()), 4 * patienceMs);
      this.#asked.set(id, settle);
      this.#send({ event: events.ask, id });
    });
  }

  notify(text: string, to: 'all' | 'present'): void {
    this.#send({ event: events.notice, text, isKept: to === 'all' });
  }

  close(): void {
    this.#tell('if_new');
    clearInterval(this.#timer);
    process.removeListener('message', this.#listen);
  }

  readonly #listen = (message: unknown): void => {
    if (!isMessage(message)) return;
    if (message.event === events.tell) this.#tell('always');
    else if (message.event === events.notice && message.text !== undefined) this.#heard(message.text);
    else if (message.event === events.sums && message.figures !== undefined)
      this.#asked.get(message.id ?? 0)?.(message.figures);
  };

  #tell(when: 'always' | 'if_new'): void {
    const figures = this.#own();
    const text = JSON.stringify(figures);
    if (when === 'if_new' && text === this.#told) return;
    this.#told = text;
    this.#send({ event: events.figures, figures });
  }

  #send(message: Message): void {
    // The master may be gone before its workers.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}
