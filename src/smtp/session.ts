/**
 * The words in which one session with one host is told: what it is asked to do, what may happen, what is to be done about
 * it, and how it ends. `machine.ts` says which follows from which. Plain data.
 */
import type { Failure } from '../failure';
import type { AuthProgress, Credentials } from './auth';
import type { Capabilities } from './capabilities';
import type { Envelope } from './envelope';
import type { Answer, Reply } from './reply';
import type { RecipientOutcome, RecipientState } from './recipient';
import type { Roll } from './roll';
import type { Waiting } from './waiting';

/** What one session is to do, and on which terms. */
export interface Terms {
  /** LMTP (RFC 2033) answers for each recipient after the final dot. */
  readonly protocol: 'smtp' | 'lmtp';
  /** What EHLO, HELO and LHLO say: one word. */
  readonly ehloName: string;
  readonly tls: TlsTerms;
  readonly credentials: Credentials | 'none';
  readonly task: Task;
}

export type TlsTerms =
  /** Nothing of the envelope is sent without it. */
  | { readonly kind: 'required' }
  | { readonly kind: 'if_offered' }
  /** STARTTLS is not used. */
  | { readonly kind: 'unwanted' }
  /** This time without: it has just failed, and cleartext is allowed. A peer that wants it then fails for that. */
  | { readonly kind: 'broken'; readonly failure: Failure };

export type Task =
  | { readonly kind: 'deliver'; readonly envelope: Envelope }
  /** Only find out what a delivery would find, and take leave. */
  | { readonly kind: 'probe' };

export type Channel = 'cleartext' | 'tls';

/** A session that may carry an envelope. */
export interface Ready {
  readonly channel: Channel;
  readonly capabilities: Capabilities;
}

/** The turn of one message in a session. */
export interface Turn {
  readonly ready: Ready;
  /** 1 for the first message. */
  readonly nth: number;
}

/** The commands of the envelope in their order, which ends with DATA; `recipient` is an index into the envelope. */
export type EnvelopeCommand =
  | { readonly kind: 'mail'; readonly line: string; readonly next: EnvelopeCommand }
  | {
      readonly kind: 'rcpt';
      readonly line: string;
      readonly next: EnvelopeCommand;
      readonly recipient: number;
    }
  | { readonly kind: 'data'; readonly line: string };

export type State =
  /** Connected; the peer speaks first. */
  | { readonly name: 'greeting' }
  | { readonly name: 'hello'; readonly verb: 'EHLO' | 'LHLO' | 'HELO'; readonly channel: Channel }
  | { readonly name: 'starttls' }
  /** STARTTLS was agreed to; the handshake, and what it is held to, are going on outside. */
  | { readonly name: 'handshake' }
  | {
      readonly name: 'auth';
      readonly credentials: Credentials;
      readonly progress: AuthProgress;
      readonly ready: Ready;
    }
  /** The message is over the peer's SIZE as it stands in the queue, where dots are doubled: its own size is being counted. */
  | {
      readonly name: 'measuring';
      readonly envelope: Envelope;
      readonly turn: Turn;
      readonly limit: number;
    }
  /** MAIL, RCPT and DATA: all at once where PIPELINING is offered (RFC 2920), else one by one. */
  | {
      readonly name: 'envelope';
      readonly turn: Turn;
      /** Whose reply comes next. */
      readonly awaited: EnvelopeCommand;
      /** `pipelined`: the commands behind it are on their way, too. */
      readonly pace: 'pipelined' | 'one_by_one';
      readonly roll: Roll;
    }
  /** 354 was said; the message is on its way. */
  | { readonly name: 'message'; readonly turn: Turn; readonly recipients: readonly RecipientState[] }
  /** The final dot is sent. */
  | { readonly name: 'final_dot'; readonly turn: Turn; readonly waiting: Waiting }
  /** 354 came though no recipient was accepted; a lone dot ends it (RFC 2920 section 3.1). */
  | {
      readonly name: 'empty_dot';
      readonly recipients: readonly RecipientOutcome[];
    }
  /**
   * What became of the message is told, and another one may follow. `open`: the peer may still think that it is in the middle of
   * the last one.
   */
  | { readonly name: 'idle'; readonly turn: Turn; readonly transaction: 'closed' | 'open' }
  /** RSET is sent; the next message follows. */
  | { readonly name: 'resetting'; readonly turn: Turn }
  /** QUIT is sent, and the outcome is told. */
  | { readonly name: 'leaving' }
  | { readonly name: 'over' };

export type StateName = State['name'];

export type Event =
  /** `excess`: octets that came behind it in the same chunk. */
  | { readonly kind: 'reply'; readonly reply: Reply; readonly excess: number }
  /** What the peer sent is no reply, or one without end. */
  | { readonly kind: 'malformed'; readonly text: string }
  /** The handshake is done and meets what was required. */
  | { readonly kind: 'secured' }
  /** TLS failed, or the session does not meet what was required of it; also later than the handshake. */
  | { readonly kind: 'tls_failed'; readonly failure: Failure; readonly at: TlsFailureStage }
  | { readonly kind: 'measured'; readonly octets: number }
  /** The message was handed to the connection whole, up to its last CRLF. */
  | { readonly kind: 'message_sent' }
  /** It cannot be read: our own fault, and no host's. */
  | { readonly kind: 'message_unreadable'; readonly text: string }
  | { readonly kind: 'lost'; readonly by: LostBy; readonly text: string }
  /** Another message follows: from here on the terms are its own. Only while the session is idle. */
  | { readonly kind: 'next' }
  /** None follows. Only while the session is idle. */
  | { readonly kind: 'dismissed' };

/** `closed`: also a reset. `cut`: closed in the middle of a reply. `attempt`: the time for the whole attempt is up. */
export type LostBy = 'closed' | 'cut' | 'timeout' | 'attempt';

export type TlsFailureStage =
  /** STARTTLS or the handshake: where cleartext is allowed, a new connection may do without. */
  | 'starttls'
  /** The handshake came to a halt or broke off without a word of TLS, as behind a device that drops what it does not know. */
  | 'stalled'
  /** The handshake was done, and did not meet the requirement. */
  | 'verification'
  /** The session stood without TLS, and the peer wants it. */
  | 'session';

export type Effect =
  /** One write: whole command lines. `shown`: the lines for the log, printable, without secrets. */
  | { readonly kind: 'send'; readonly text: string; readonly shown: readonly string[] }
  | { readonly kind: 'start_tls' }
  | { readonly kind: 'measure_message' }
  | { readonly kind: 'send_message' }
  /** TLS was wanted where the peer offers it, and it does not. */
  | { readonly kind: 'note_missing_starttls' }
  | { readonly kind: 'warn'; readonly text: string }
  /** The session may carry an envelope now. Once, before MAIL. */
  | { readonly kind: 'established'; readonly ready: Ready }
  /** What became of the message. Once for each; QUIT and the closing follow, or another message does. */
  | { readonly kind: 'end'; readonly outcome: Outcome }
  | { readonly kind: 'close' };

export type Outcome =
  /** It was said what becomes of every recipient; by index in the envelope. */
  | { readonly kind: 'settled'; readonly recipients: readonly RecipientOutcome[] }
  /** This host does not take the message; the next one may. */
  | { readonly kind: 'next_host'; readonly fault: HostFault }
  /** The session was over before the peer had answered anything of this message: a new connection has it all to do. */
  | { readonly kind: 'stale'; readonly text: string }
  /** No host can have it now; the fault is ours. */
  | { readonly kind: 'own_fault'; readonly text: string }
  /** A probe has seen what there is to see. */
  | { readonly kind: 'probed'; readonly ready: Ready };

export type HostFault =
  /** TLS is required, and not offered. */
  | { readonly kind: 'starttls_missing'; readonly text: string }
  /** The message must not go where REQUIRETLS is not offered (RFC 8689 section 4.2.1). */
  | { readonly kind: 'requiretls_missing'; readonly text: string }
  | { readonly kind: 'tls'; readonly failure: Failure; readonly at: TlsFailureStage }
  /** The connection, or the conversation, broke. `answer`: what the peer said last, where that broke it. */
  | {
      readonly kind: 'lost';
      readonly text: string;
      readonly at: 'before_session' | 'in_session';
      readonly answer: Answer | 'none';
    };
