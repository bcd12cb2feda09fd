/**
 * Whether a session that was opened for another message may carry this one. It must be the same connection in all that was said and
 * asked for when it was opened, and what came of its handshake must meet what is required for this message, today.
 */
import { checkKept } from '../policy/kept_handshake';
import type { SessionMet } from '../policy/session';
import type { TlsTerms } from '../smtp/session';
import { hellos, type Hello } from '../tls/groups';
import { handshakeIdentity } from '../tls/options';
import type { TlsSession } from '../tls/session';
import type { Delivery } from './delivery';
import type { HarakaMx, Todo } from './haraka';
import { handshakeRequest, tlsTermsOf, credentialsOf } from './host_terms';
import type { HostTry } from './host_try';
import type { About } from './kept_session';
import { portOf } from './mx_entry';

/** The host in the sense of the limit for connections: an address and a port. */
export function hostKeyOf(mx: HarakaMx): string {
  return mx.path ? mx.path : `${(mx.exchange ?? '').toLowerCase()} ${portOf(mx)}`;
}

/** Everything but TLS that a session shares with the messages that it carries. */
export function wayOf(mx: HarakaMx, { notes }: Todo): string {
  const bind = mx.bind ? mx.bind : notes?.outbound_ip;
  const name = notes?.outbound_helo ? notes.outbound_helo : mx.bind_helo;
  return JSON.stringify([Boolean(mx.using_lmtp), bind ?? null, name ?? null, credentialsOf(mx)]);
}

/** What is known of a kept session's fitness: `met` holds the verdict on its handshake for this message. */
export type Fitness =
  | { readonly kind: 'unfit' }
  /** `wanted`: what the message would have had, had the peer offered it. */
  | { readonly kind: 'cleartext'; readonly wanted: 'tls' | 'cleartext' }
  | { readonly kind: 'tls'; readonly session: TlsSession; readonly verdict: SessionMet };

/**
 * For one try of one host: a function that says of a session whether it is fit. Undefined where none can be: TLS has just failed
 * there, or the settings for it are broken, and the way over a new connection is the one that tells.
 */
export function fitnessFor(delivery: Delivery, tried: HostTry): ((about: About) => Fitness) | undefined {
  if (tried.tls.kind === 'without') return undefined;
  const { mx } = tried;
  const way = wayOf(mx, delivery.hmail.todo);
  const terms = tlsTermsOf(delivery, tried);
  const wouldAsk = asking(delivery, tried);
  let judged = 0;
  return (about) => {
    if (about.way !== way) return unfit;
    const { channel } = about;
    if (channel.kind === 'cleartext') return cleartextFitness(terms, channel.startTls);
    const { requirement } = tried.plan;
    if (requirement.kind === 'cleartext' || terms.kind === 'unwanted') return unfit;
    if (!wouldAsk(channel.asked) || judged >= mostJudged) return unfit;
    judged += 1;
    const verdict = checkKept(
      requirement,
      channel.session,
      channel.made,
      delivery.environment.options().now(),
    );
    return verdict.kind === 'failed' ? unfit : { kind: 'tls', session: channel.session, verdict };
  };
}

/** A peer's certificates may take some 30 ms each time, in which nothing else happens: a new connection costs as much once. */
const mostJudged = 2;

const unfit: Fitness = { kind: 'unfit' };

/** Whether a handshake for this try would be asked for the same. Which hello was sent says nothing of what the session is worth. */
function asking(delivery: Delivery, tried: HostTry): (asked: string) => boolean {
  const identities = new Map<Hello, string>();
  const identityOf = (hello: Hello): string => {
    const known = identities.get(hello) ?? handshakeIdentity(handshakeRequest(delivery, { ...tried, hello }));
    identities.set(hello, known);
    return known;
  };
  return (asked) => {
    try {
      return hellos.some((hello) => identityOf(hello) === asked);
    } catch {
      // not covered: a second line of defence.
      // A new connection tells what is wrong with the settings.
      return false;
    }
  };
}

function cleartextFitness({ kind }: TlsTerms, startTls: 'not_offered' | 'not_wanted'): Fitness {
  if (kind === 'unwanted') return { kind: 'cleartext', wanted: 'cleartext' };
  return kind === 'if_offered' && startTls === 'not_offered' ? { kind: 'cleartext', wanted: 'tls' } : unfit;
}
