/** What the record does not tell, in words. */
export const missingTexts: Readonly<Record<string, string>> = {
  handshake: 'STARTTLS was not tried so',
  certificate: 'nobody looked at the certificate so',
  dane: 'TLSA records were not asked for',
  policy: 'the MTA-STS policy was not asked for',
  rule: 'which rule it would be goes by more than was counted',
  other_hosts: 'the peer has other hosts',
};
