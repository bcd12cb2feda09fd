/** Which plugin answered a hook of a delivery. */
import type { HMailItem } from './haraka';

/**
 * Remembers whose hook runs: Haraka keeps it in `current_hook`, which is null again by the time the answer is handled. A plugin
 * that answers when its time is up is not heard, and does not count as the one that answered.
 *
 * @returns asked when an answer is handled: the name of the plugin whose hook ran last, where there is one
 */
export function rememberAnswerer(hmail: HMailItem): () => string | undefined {
  let current: unknown = hmail.current_hook;
  let last: string | undefined;
  Object.defineProperty(hmail, 'current_hook', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: (hook: unknown) => {
      current = hook;
      if (Array.isArray(hook)) last = nameOf(hook as readonly unknown[]);
    },
  });
  return () => last;
}

/** Haraka's entry in the list of hooks to run: the plugin, the method, a function that cancels it. */
function nameOf([plugin]: readonly unknown[]): string | undefined {
  const name =
    typeof plugin === 'object' && plugin !== null ? (plugin as { name?: unknown }).name : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
