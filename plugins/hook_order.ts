/** The order in which Haraka asks plugins. */
import type { HarakaPlugin } from './haraka_plugin';

/**
 * Puts `method` before everything that is registered for `hook`: the first plugin that answers OK ends the chain, and a
 * priority is not enough, because plugins of the same one run in the order of their lines.
 *
 * @returns the plugin that was first until now, `undefined` where nothing had to be moved
 */
export function moveFirst(plugin: HarakaPlugin, hook: string, method: string): string | undefined {
  const { registered_hooks: hooks } = plugin.haraka_require('plugins') as {
    registered_hooks: Record<string, { readonly plugin: string; readonly method: string }[] | undefined>;
  };
  const chain = hooks[hook] ?? [];
  const place = chain.findIndex((one) => one.method === method);
  // Our own methods are in nobody's way: each of them ends the chain only to refuse.
  const leader = chain.slice(0, Math.max(place, 0)).find((one) => !one.method.startsWith('tls_peers_'));
  const [own] = leader === undefined ? [] : chain.splice(place, 1);
  if (own === undefined) return undefined;
  chain.unshift(own);
  return leader?.plugin;
}
