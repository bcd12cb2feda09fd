/**
 * Haraka's own memory of hosts whose TLS is broken (tls.ini `[redis] disable_for_failed_hosts`), which
 * `remember_broken_tls` lets count. A Redis that is slow, errs or is not there delays a message by no more than a moment.
 */
import type { OutboundTls, OutboundTlsModule } from './haraka';

/** Milliseconds. Whoever waits longer for a hint is better off without it. */
const patience = 2000;

/**
 * Reads Haraka's outbound TLS settings. Otherwise the first message would, and would wait until Redis can be reached,
 * wanted or not.
 */
export function loadOutboundTls(tls: OutboundTlsModule, memory: 'wanted' | 'unwanted'): void {
  if (tls.cfg !== undefined) return;
  if (memory === 'wanted') tls.init(() => undefined);
  else tls.load_config();
}

/** Whether Haraka remembers `address`; `unknown` where Redis does not say. Never rejects. */
export function recallBroken(tls: OutboundTls, address: string): Promise<'broken' | 'unknown'> {
  if (!isOn(tls)) return Promise.resolve('unknown');
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('unknown'), patience);
    const answer = (verdict: 'broken' | 'unknown'): void => {
      clearTimeout(timer);
      resolve(verdict);
    };
    try {
      tls.check_tls_nogo(
        address,
        () => answer('unknown'),
        () => answer('broken'),
      );
    } catch {
      // No connection to Redis has ever been made.
      answer('unknown');
    }
  });
}

/** Makes Haraka remember `address` as long as tls.ini says. */
export function rememberBroken(tls: OutboundTls, address: string): void {
  if (!isOn(tls)) return;
  try {
    tls.mark_tls_nogo(address, () => undefined);
  } catch {
    // As above; the next message finds out by itself.
  }
}

function isOn({ cfg }: OutboundTls): boolean {
  return cfg?.redis?.disable_for_failed_hosts === true;
}
