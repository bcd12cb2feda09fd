/**
 * How SMTP peers behave, as small scripts: what a peer does at each point of the conversation where it does not do
 * the ordinary thing. Extend the table to describe a new way of misbehaving.
 */

/** What a peer does when a command (or the connection) arrives. `text` is sent as it stands, line ends included. */
export type Step =
  /** `afterMs`: it takes so long about it. */
  | { readonly do: 'reply'; readonly text: string; readonly afterMs?: number }
  | { readonly do: 'close'; readonly text?: string }
  | { readonly do: 'silence' }
  /** Sends `text` over and over, until the other side has enough. */
  | { readonly do: 'drip'; readonly text: string; readonly everyMs: number }
  /** Breaks the connection with a TCP reset. */
  | { readonly do: 'reset' }
  /** Answers STARTTLS with `text`, then does to the handshake what `handshake` says. */
  | { readonly do: 'upgrade'; readonly text: string; readonly handshake: HandshakeBehaviour };

/**
 * `close`, `reset`, `alert` and `garbage` answer the ClientHello; `then_close` hangs up as soon as the handshake is
 * complete, and `then_renegotiate` asks for another one (TLS 1.2 at most).
 */
export type HandshakeBehaviour =
  'complete' | 'close' | 'reset' | 'alert' | 'garbage' | 'silence' | 'then_close' | 'then_renegotiate';

export type Point =
  'greeting' | 'ehlo' | 'helo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'message' | 'rset' | 'quit';

/** What differs from the ordinary at each point; `secured` holds the points after TLS, where they differ again. */
export type Behaviour = { readonly [point in Point]?: Step } & {
  readonly secured?: { readonly [point in Point]?: Step };
  /** What differs once more from the second message of a connection on, and at RSET before it. */
  readonly again?: { readonly [point in Point]?: Step };
  /** What RCPT is answered with, by local part; the step at `rcpt` is for the others. */
  readonly recipients?: Readonly<Record<string, Step>>;
  /** Whether EHLO offers STARTTLS. Default: offered. */
  readonly starttlsOffer?: 'offered' | 'withheld';
  /** Whether the handshake asks the client for a certificate. Default: not asked. */
  readonly clientCertificate?: 'asked';
  /** OpenSSL's cipher list, for TLS 1.2 and below only; with `aNULL` the peer shows no certificate. */
  readonly ciphers?: string;
  /** PEM; without them DHE is not spoken. */
  readonly dhParameters?: string;
  /** OpenSSL's list of what a handshake is signed with. */
  readonly signatureAlgorithms?: string;
  /** OpenSSL's list of key exchange groups; `A/B` prefers A even where it has to ask for it (OpenSSL 3.5). */
  readonly groups?: string;
};

const reply = (text: string): Step => ({ do: 'reply', text: `${text}\r\n` });
const silence: Step = { do: 'silence' };
const close: Step = { do: 'close' };
const upgrade = (handshake: HandshakeBehaviour, text = '220 2.0.0 go ahead\r\n'): Step => ({
  do: 'upgrade',
  text,
  handshake,
});

export const ordinary: Readonly<Record<Exclude<Point, 'greeting' | 'ehlo' | 'helo'>, Step>> = {
  starttls: upgrade('complete'),
  auth: reply('235 2.7.0 welcome'),
  mail: reply('250 2.1.0 sender ok'),
  rcpt: reply('250 2.1.5 recipient ok'),
  data: reply('354 go on'),
  message: reply('250 2.0.0 taken'),
  rset: reply('250 2.0.0 ok'),
  quit: { do: 'close', text: '221 2.0.0 bye\r\n' },
};

export const behaviours = {
  normal: {},

  'no-starttls': { starttlsOffer: 'withheld' },
  'starttls-454': { starttls: reply('454 4.7.0 TLS not available') },
  'starttls-502': { starttls: reply('502 5.5.1 not implemented') },
  'starttls-554': { starttls: reply('554 5.7.1 no') },
  'starttls-354': { starttls: reply('354 what') },
  'starttls-garbage': { starttls: reply('huh?') },
  'starttls-silence': { starttls: silence },
  'starttls-close': { starttls: close },
  'starttls-injected': { starttls: upgrade('complete', '220 go\r\n250 2.0.0 injected\r\n') },
  'starttls-partial-line': { starttls: upgrade('complete', '220 go\r\n250-inj') },

  'handshake-close': { starttls: upgrade('close') },
  'handshake-garbage': { starttls: upgrade('garbage') },
  'handshake-silence': { starttls: upgrade('silence') },
  'close-after-handshake': { starttls: upgrade('then_close') },

  'banner-554': { greeting: reply('554 5.3.2 no service here') },
  'banner-421': { greeting: { do: 'close', text: '421 4.3.2 too busy\r\n' } },
  'banner-garbage': { greeting: reply('\x00\x01 hello there') },
  'banner-silence': { greeting: silence },
  'banner-close': { greeting: close },

  'ehlo-502': { ehlo: reply('502 5.5.1 what is EHLO') },
  'ehlo-and-helo-502': { ehlo: reply('502 5.5.1 no'), helo: reply('502 5.5.1 no') },
  'ehlo-421': { ehlo: { do: 'close', text: '421 4.3.2 later\r\n' } },
  'ehlo-close': { ehlo: close },
  'secured-ehlo-554': { secured: { ehlo: reply('554 5.7.1 no') } },

  'mail-451': { mail: reply('451 4.3.0 later') },
  'mail-550': { mail: reply('550 5.7.1 not you') },
  'rcpt-450': { rcpt: reply('450 4.2.1 later') },
  'rcpt-550': { rcpt: reply('550 5.1.1 nobody here') },
  'data-451': { data: reply('451 4.3.0 later') },
  'message-451': { message: reply('451 4.3.0 later') },
  'message-554': { message: reply('554 5.6.0 not this') },
} satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof behaviours;

/** The script of `behaviour`, whether named or given. */
export function behaviourOf(behaviour: BehaviourName | Behaviour): Behaviour {
  return typeof behaviour === 'string' ? behaviours[behaviour] : behaviour;
}
