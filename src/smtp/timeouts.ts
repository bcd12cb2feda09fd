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
    case 'leaving':
      return { timeout: 'quit', text: 'the peer took too long to answer QUIT' };
    case 'measuring':
    case 'over':
      return 'nothing';
  }
}
