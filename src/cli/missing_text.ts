/** What the record does not tell, in words. */
export const missingTexts: Readonly<Record<string, string>> = {
  handshake: 'there was no handshake on such terms',
  certificate: 'nobody looked at the certificate so',
  dane: 'TLSA records were not asked for',
  policy: 'the MTA-STS policy was not asked for',
  rule: 'which rule it would be goes by more than was counted',
  other_hosts: 'the peer has other hosts',
};

const monitored = 'enforcement = monitor with the changed rule, for a while, makes it known';
const tested = 'tls-peers test shows what each host does now';

/** What makes each known. */
const whatTells: Readonly<Record<string, string>> = {
  handshake: tested,
  certificate: monitored,
  dane: monitored,
  policy: monitored,
  rule: 'enforcement = monitor with the changed rule, for some days, counts them under it',
  other_hosts: tested,
};

/** What an operator can do about what is missing, each once. */
export function whatMakesKnown(missing: Readonly<Record<string, number>>): string[] {
  const told = Object.keys(missing).flatMap((name) => whatTells[name] ?? []);
  return [...new Set(told)];
}
