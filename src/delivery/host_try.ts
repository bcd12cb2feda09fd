/** One try of one host: which entry of Haraka's list, held to what, and how. Plain data. */
import type { Failure } from '../failure';
import { smtpPort } from '../dns/types';
import type { HostPlan } from '../policy/requirement';
import type { HostFault } from '../smtp/session';
import { hasClassicHello, type Hello } from '../tls/groups';
import { allowsBrokenTls } from '../policy/cleartext';
import type { HarakaMx } from './haraka';
import { isSocket } from './mx_entry';

export interface HostTry {
  readonly mx: HarakaMx;
  /** Its requirement is what holds, Haraka's `force_tls_hosts` included. */
  readonly plan: HostPlan;
  readonly tls: TryTls;
  readonly hello: Hello;
}

export type TryTls =
  /** `memory`: whether what is remembered of the host counts (`remember_broken_tls`). */
  | { readonly kind: 'as_required'; readonly memory: 'asked' | 'ignored' }
  /** Without STARTTLS, for what was wrong with it: just now, or when the host was last tried. */
  | { readonly kind: 'without'; readonly failure: Failure; readonly seen: 'now' | 'before' };

export function firstTry(mx: HarakaMx, plan: HostPlan): HostTry {
  return { mx, plan, tls: { kind: 'as_required', memory: 'asked' }, hello: 'default' };
}

export function withoutTls(tried: HostTry, failure: Failure, seen: 'now' | 'before'): HostTry {
  return { ...tried, tls: { kind: 'without', failure, seen } };
}

export const rememberedBroken: Failure = {
  reason: 'tls-handshake-failed',
  text: 'its TLS was broken when it was last tried (remember_broken_tls)',
};

/** What to do at the same host after its TLS failed. */
export type Again =
  | { readonly kind: 'with_classic_hello' | 'without_tls' | 'with_tls'; readonly next: HostTry }
  | { readonly kind: 'no' };

export function againAfter(tried: HostTry, { failure, at }: Extract<HostFault, { kind: 'tls' }>): Again {
  const { tls, hello, plan } = tried;
  // Once each: whatever fails a second time the same way would fail for ever.
  if (tls.kind === 'without') {
    // A host that takes no mail without TLS may be remembered for a failure that is long past.
    return at === 'session' && tls.seen === 'before'
      ? { kind: 'with_tls', next: { ...tried, tls: { kind: 'as_required', memory: 'ignored' } } }
      : { kind: 'no' };
  }
  if (at === 'stalled' && hello === 'default' && hasClassicHello()) {
    return { kind: 'with_classic_hello', next: { ...tried, hello: 'classic' } };
  }
  if ((at === 'starttls' || at === 'stalled') && allowsBrokenTls(plan.requirement)) {
    return { kind: 'without_tls', next: withoutTls(tried, failure, 'now') };
  }
  return { kind: 'no' };
}

/** Host, address and port, for people. */
export function whereOf({ mx, plan }: HostTry): string {
  if (isSocket(mx)) return mx.path;
  return `${plan.host} [${mx.exchange ?? ''}]${plan.port === smtpPort ? '' : `:${plan.port}`}`;
}
