/** What a rule says where nobody has written anything. `undefined`: leaving the key out is a state of its own. */
import type { InboundValues, OutboundValues } from './section';

type Shipped<V> = { readonly [K in keyof V]-?: V[K] | undefined };

export const shippedOutbound = {
  security_level: 'auto',
  min_tls_version: undefined,
  match: [{ kind: 'hostname' }],
  ca_file: undefined,
  fingerprints: [],
  action_on_failure: 'defer',
  enforcement: 'enforce',
  cleartext_fallback: 'handshake_failure',
  insecure_mx: 'dane',
  exempt_until: undefined,
  comment: undefined,
} as const satisfies Shipped<OutboundValues>;

export const shippedInbound = {
  security_level: 'opportunistic',
  min_tls_version: undefined,
  action_on_failure: 'bounce',
  enforcement: 'enforce',
  exempt_until: undefined,
  comment: undefined,
} as const satisfies Shipped<InboundValues>;
