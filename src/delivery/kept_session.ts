/** A session that waits for its next message, and what is known of it. Plain data. */
import type { Kept } from '../session/connections';
import type { TlsSession } from '../tls/session';

/** What is known of a session that waits. */
export interface About {
  /** What was said to the host, or asked of the system, when the connection was made. */
  readonly way: string;
  readonly channel: KeptChannel;
  readonly authenticated: boolean;
}

export type KeptChannel =
  | {
      readonly kind: 'tls';
      /** What the handshake was asked for. */
      readonly asked: string;
      readonly session: TlsSession;
      readonly made: Date;
    }
  | { readonly kind: 'cleartext'; readonly startTls: 'not_offered' | 'not_wanted' };

export type KeptSession = Kept<About>;
