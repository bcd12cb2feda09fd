/** What a peer of this suite says and does, as data: at each point of a session a list of acts, one after the other. */

export type Act =
  /** Sends the text as it stands, latin1, line ends included. */
  | { readonly do: 'say'; readonly text: string }
  /** Sends the text in writes of `size` octets, `everyMs` apart; 0: as soon as the one before has been taken. */
  | { readonly do: 'pieces'; readonly text: string; readonly size: number; readonly everyMs: number }
  /** What the whole answer comes to, where its texts do not tell. */
  | { readonly do: 'mean'; readonly code: string }
  | { readonly do: 'wait'; readonly ms: number }
  /** Sends `text` again and again until the connection ends. */
  | { readonly do: 'repeat'; readonly text: string; readonly everyMs: number }
  /** Reads nothing more. */
  | { readonly do: 'deafen' }
  /** Reads nothing for a while. */
  | { readonly do: 'nap'; readonly ms: number }
  | { readonly do: 'close' }
  | { readonly do: 'reset' }
  /** Looks at what comes next as a TLS handshake. */
  | { readonly do: 'upgrade'; readonly handshake: Handshake };

export type Handshake = 'complete' | 'close' | 'reset' | 'garbage' | 'then_close';

export type Answer = readonly Act[];

/** `body` is where a message ends: the line with the lone dot. */
export type Point =
  | 'connect'
  | 'ehlo'
  | 'helo'
  | 'starttls'
  | 'auth'
  /** What follows AUTH, until the last answer does not begin with a 3. */
  | 'auth_line'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body'
  | 'quit'
  | 'other';

export interface About {
  /** The command line; of RCPT and MAIL with its parameters. */
  readonly line: string;
  /** The local part of the recipient; empty elsewhere. */
  readonly recipient: string;
  /** 0 for the first time that this point is reached on this connection. */
  readonly time: number;
  /** 0 for the first connection to this host. */
  readonly connection: number;
  readonly secured: boolean;
  /** Recipients that were accepted so far, in order. */
  readonly accepted: readonly string[];
  /** `early`: it came before the peer had said all that it had to say, or with more behind it. */
  readonly arrival: 'in time' | 'early';
}

export type Reaction = Answer | ((about: About) => Answer | 'ordinary');
export type Reactions = { readonly [point in Point]?: Reaction };

export interface Script extends Reactions {
  /** Reactions outside and inside TLS, which come before those for both. */
  readonly outside?: Reactions;
  readonly inside?: Reactions;
  /** LMTP: LHLO, and a reply per accepted recipient after the dot. Default: SMTP. */
  readonly protocol?: 'smtp' | 'lmtp';
  /** Whether STARTTLS is among what EHLO offers. Default: offered. */
  readonly tls?: 'offered' | 'withheld';
  /** What else EHLO offers; 8BITMIME and SIZE where absent. */
  readonly offers?: readonly string[];
  /** Whether anything listens at its address. Default: yes. */
  readonly reach?: 'listening' | 'refused';
  /** Commands that came in one segment are answered in one write. Default: one by one. */
  readonly replies?: 'merged' | 'each';
}

/** A reply with its line end. */
export const say = (...lines: readonly string[]): Answer => [
  { do: 'say', text: lines.map((line) => `${line}\r\n`).join('') },
];
/** Exactly this text. */
export const raw = (text: string): Answer => [{ do: 'say', text }];
export const pieces = (text: string, size: number, everyMs = 0): Answer => [
  { do: 'pieces', text, size, everyMs },
];
export const mean = (code: string): Answer => [{ do: 'mean', code }];
export const wait = (ms: number): Answer => [{ do: 'wait', ms }];
export const repeat = (text: string, everyMs: number): Answer => [{ do: 'repeat', text, everyMs }];
export const silence: Answer = [];
export const deafen: Answer = [{ do: 'deafen' }];
export const close: Answer = [{ do: 'close' }];
export const reset: Answer = [{ do: 'reset' }];
export const upgrade = (handshake: Handshake): Answer => [
  ...say('220 2.0.0 go ahead'),
  { do: 'upgrade', handshake },
];

/** One reaction after the other; the last one goes on. */
export const inTurn =
  (...answers: readonly (Answer | 'ordinary')[]): Reaction =>
  ({ time }) =>
    answers[Math.min(time, answers.length - 1)] ?? 'ordinary';

/** What RCPT is answered with, by local part. */
export const perRecipient =
  (answers: Readonly<Record<string, Answer>>): Reaction =>
  ({ recipient }) =>
    answers[recipient] ?? 'ordinary';

/** On the first connection to a host; ordinary on those after it. */
export const firstTime =
  (answer: Answer): Reaction =>
  ({ connection }) =>
    connection === 0 ? answer : 'ordinary';

/** The first `count` octets of a text that says the same thing for ever. */
export function filler(count: number): string {
  return 'x'.repeat(count);
}
