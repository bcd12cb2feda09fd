/** How long each reply is waited for (RFC 5321 section 4.5.3.2). Pure. */
import type { State } from './session';

/** Milliseconds, each for a whole reply: a peer that drips gains nothing. */
export interface Timeouts {
  readonly greeting: number;
  /** EHLO, LHLO, HELO, STARTTLS and AUTH. */
  readonly ehlo: number;
  readonly tlsHandshake: number;
  readonly mail: number;
  readonly rcpt: number;
  readonly data: number;
  /** For any progress while the message is sent. */
  readonly dataBlock: number;
  readonly finalDot: number;
  readonly quit: number;
}

export interface Wait {
  readonly timeout: keyof Timeouts;
  /** What did not come in time, for people. */
  readonly text: string;
}

/** Milliseconds. A session that waited for a message and does not answer is soon taken for dead: a new connection loses nothing. */
export const staleAfter = 15_000;

/** Whether a peer that says nothing in this state costs no more than a new connection. */
export function isBeginningAnew(state: State): boolean {
  return (
    state.name === 'resetting' ||
    (state.name === 'envelope' && state.turn.nth > 1 && state.awaited.kind === 'mail')
  );
}

/** What is waited for in `state`; `nothing` where it is not the peer's turn. */
export function waitFor(state: State): Wait | 'nothing' {
  switch (state.name) {
    case 'greeting':
      return { timeout: 'greeting', text: 'the peer took too long to greet' };
    case 'hello':
      return { timeout: 'ehlo', text: `the peer took too long to answer ${state.verb}` };
    case 'starttls':
      return { timeout: 'ehlo', text: 'the peer took too long to answer STARTTLS' };
    case 'handshake':
      return { timeout: 'tlsHandshake', text: 'the peer did not finish the TLS handshake in time' };
    case 'auth':
      return { timeout: 'ehlo', text: 'the peer took too long to answer AUTH' };
    case 'envelope': {
      const { kind } = state.awaited;
      return { timeout: kind, text: `the peer took too long to answer ${kind.toUpperCase()}` };
    }
    case 'message':
      return { timeout: 'dataBlock', text: 'the peer took too long to take the message' };
    case 'final_dot':
    case 'empty_dot':
      return { timeout: 'finalDot', text: 'the peer took too long to answer the final dot' };
    case 'resetting':
      return { timeout: 'mail', text: 'the peer took too long to answer RSET' };
    case 'leaving':
      return { timeout: 'quit', text: 'the peer took too long to answer QUIT' };
    case 'measuring':
    case 'idle':
    case 'over':
      return 'nothing';
  }
}
