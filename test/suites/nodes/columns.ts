export const host = 'mx.peer.example';

/** What is asked of a peer. `1.0`: with TLS 1.0 and later, otherwise 1.2 where cleartext is forbidden. */
export const columns = [
  'opportunistic',
  'testing',
  'mandatory',
  'mandatory 1.0',
  'verify',
  'enforce',
  'fingerprint',
  'dane 3 1 1',
  'dane 3 1 1, 1.0',
  'dane 2 0 1',
  'dane and enforce',
] as const;
export type Column = (typeof columns)[number];
