/** Postfix's words in a policy (postconf(5), smtp_tls_policy_maps), and what each is here. Pure. */

/** By Postfix's name; a level that checks names says which by itself. */
export const levels: Readonly<Record<string, { readonly level: string; readonly match: string }>> = {
  none: { level: 'none', match: '' },
  may: { level: 'opportunistic', match: '' },
  encrypt: { level: 'mandatory', match: '' },
  dane: { level: 'opportunistic_dane', match: '' },
  'half-dane': { level: 'opportunistic_dane', match: '' },
  'dane-only': { level: 'mandatory_dane', match: '' },
  fingerprint: { level: 'verify', match: '' },
  verify: { level: 'verify', match: 'hostname' },
  secure: { level: 'verify', match: 'nexthop, dot-nexthop' },
};

/** Attributes that may stand more than once. */
export const repeatable = new Set(['match', 'tafile']);

/** Attributes that weaken nothing by being left out. */
export const withoutCounterpart: Readonly<Record<string, string>> = {
  ciphers: "ciphers are those of Node and of Haraka's tls.ini; none without encryption is ever offered",
  exclude: "ciphers are those of Node and of Haraka's tls.ini; none without encryption is ever offered",
  connection_reuse: 'sessions are reused by [delivery] of tls-peers.ini, for all peers alike',
  enable_rpk: 'raw public keys are not spoken',
  policy_type: 'of Postfix for its TLS reports',
  policy_domain: 'of Postfix for its TLS reports',
  policy_string: 'of Postfix for its TLS reports',
  policy_ttl: 'of Postfix for its TLS reports',
  policy_failure: 'of Postfix for its TLS reports',
  mx_host_pattern: 'of Postfix for its TLS reports',
};

/** `undefined` where a key may be the domain of a recipient. */
export function whyNoPeer(key: string): string | undefined {
  if (key.startsWith('/') || /[\\^$*()|]/.test(key))
    return 'a pattern or a path: rules are for names; write a line for each name, or .NAME for all below it';
  if (/[[\]:]/.test(key))
    return 'a next hop, as transport maps name it: rules go by the domain of the recipient; write a line for each domain that is routed there';
  return key.includes('@') ? 'an address: rules are for whole domains' : undefined;
}
