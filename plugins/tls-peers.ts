/**
 * haraka-plugin-tls-peers, as Haraka loads it: the line `tls-peers` registers every piece, and `tls-peers/outbound` and
 * so on one of them. All come from this one bundle and share its state.
 *
 * Haraka copies every export onto its plugin object, so none may be called `name`, `config`, `timeout`, `hooks` or
 * `base`, nor begin with `hook_`.
 */
import type { HarakaPlugin } from './haraka_plugin';
import { hosting } from './hosting';
import { inbound } from './inbound';
import { outbound } from './outbound';
import { reports } from './reports';
import { shutdown } from './suite';
import { web } from './web';

export { hosting, inbound, outbound, reports, shutdown, web };

export function register(this: HarakaPlugin): void {
  outbound.register.call(this);
  inbound.register.call(this);
  hosting.register.call(this);
  reports.register.call(this);
  web.register.call(this);
}
