/** Keeps what was claimed beside what is so. */

/** Of `minimum` and `to_mandatory`, nothing may stay open of a peer with one host that mail was tried at. */
export type Kind = 'minimum' | 'to_mandatory' | 'other';

export interface Result {
  readonly changes: number;
  readonly messages: number;
  readonly notKnown: number;
  /** By the rule in force. */
  readonly shares: ReadonlyMap<string, Share>;
  /** By kind. */
  readonly open: Readonly<Record<Kind, number>>;
  /** One line each. */
  readonly wrong: readonly string[];
}

/** How much is known of changes of one rule in force. */
export interface Share {
  readonly messages: number;
  readonly notKnown: number;
  /** Where nothing but its own mail is in the record. */
  readonly alone: number;
}

const nothing: Share = { messages: 0, notKnown: 0, alone: 0 };

export interface Truth {
  readonly is: string;
  /** Of a peer with one host that mail was tried at. */
  readonly isPlain: boolean;
  /** What is claimed where nothing but the mail under the rule in force is in the record. */
  readonly alone?: string;
}

export class Tally {
  readonly #print: (line: string) => void;
  #change = '';
  #kind: Kind = 'other';
  #base = '';
  readonly #byBase = new Map<string, Share>();
  #changes = 0;
  #messages = 0;
  #openHere: string[] = [];
  #notKnown = 0;
  readonly #open: Record<Kind, number> = { minimum: 0, to_mandatory: 0, other: 0 };
  readonly #wrong: string[] = [];

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  begin(change: string, kind: Kind, base = 'others'): void {
    this.#change = change;
    this.#base = base;
    this.#kind = kind;
    this.#changes += 1;
    this.#openHere = [];
  }

  compare(what: string, claim: string, { is, isPlain, alone = claim }: Truth): void {
    this.#messages += 1;
    const { messages, notKnown, alone: open } = this.#byBase.get(this.#base) ?? nothing;
    this.#byBase.set(this.#base, {
      messages: messages + 1,
      notKnown: notKnown + (claim === 'notKnown' ? 1 : 0),
      alone: open + (alone === 'notKnown' ? 1 : 0),
    });
    if (alone !== 'notKnown' && alone !== is) this.wrong(`${what}: alone, says ${alone}, is ${is}`);
    if (isPlain && alone === 'notKnown') this.#open[this.#kind] += 1;
    if (claim === 'notKnown') {
      this.#openHere.push(what);
      this.#notKnown += 1;
    } else if (claim !== is) this.wrong(`${what}: says ${claim}, is ${is}`);
  }

  wrong(text: string): void {
    this.#wrong.push(`${this.#change}: ${text}`);
  }

  end(): void {
    const names = this.#openHere.map((name) => name.replace(/\.example$/, ''));
    this.#print(`${this.#change}: ${names.length === 0 ? 'all known' : `not known: ${names.join(' ')}`}`);
  }

  result(): Result {
    return {
      changes: this.#changes,
      messages: this.#messages,
      notKnown: this.#notKnown,
      shares: this.#byBase,
      open: this.#open,
      wrong: this.#wrong,
    };
  }
}
