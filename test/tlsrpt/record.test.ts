import { expect, test } from 'vitest';
import { parseReportRecords } from '../../src/tlsrpt/record';

test.each([
  [['v=TLSRPTv1; rua=mailto:a@peer.example'], ['mailto:a@peer.example']],
  [
    ['v=TLSRPTv1;rua=mailto:a@peer.example,https://peer.example/r'],
    ['mailto:a@peer.example', 'https://peer.example/r'],
  ],
  [['v=TLSRPTv1 ; x=y; rua = mailto:a@peer.example ;'], ['mailto:a@peer.example']],
  [['v=TLSRPTv1;rua=MAILTO:a%2Bb@Peer.Example?subject=x'], ['mailto:a+b@peer.example']],
  [['v=TLSRPTv1; rua=mailto:a@peer.example, mailto:a@peer.example'], ['mailto:a@peer.example']],
  [['v=spf1 -all', 'v=TLSRPTv1; rua=mailto:a@peer.example'], ['mailto:a@peer.example']],
  [['v=TLSRPTv1; rua=ftp://x.example,mailto:a@peer.example'], ['mailto:a@peer.example']],
])('%j wants its reports at %j', (records, uris) => {
  const read = parseReportRecords(records);
  expect(read.kind === 'found' ? read.destinations.map(({ uri }) => uri) : read).toEqual(uris);
});

test.each([
  [[], { kind: 'not_published' }],
  [['v=spf1 -all'], { kind: 'not_published' }],
  [['v=TLSRPTv1; rua=mailto:a@b.example', 'v=TLSRPTv1; rua=mailto:c@b.example'], /^2 records begin/],
  [['v=TLSRPTv1'], /does not begin with "v=TLSRPTv1;"$/],
  [['V=TLSRPTV1; rua=mailto:a@b.example'], /does not begin/],
  [['v=TLSRPTv1; x=y'], 'it has no rua'],
  [['v=TLSRPTv1; rua='], 'its rua is empty'],
  [['v=TLSRPTv1; rua=reports@peer.example'], /has no scheme: mailto: or https: is needed$/],
  [['v=TLSRPTv1; rua=http://peer.example/'], /http: is no way to send a report/],
  [['v=TLSRPTv1; rua=mailto:a%0d%0aBcc:x@peer.example'], /is no mail address$/],
  [['v=TLSRPTv1; rua=mailto:a%zz@peer.example'], /is not encoded as an URI$/],
  [['v=TLSRPTv1; rua=https://user:pass@peer.example/'], /has a user in it$/],
  [['v=TLSRPTv1; rua=https://127.0.0.1/'], /names no host$/],
  [['v=TLSRPTv1; rua=https://[::1]/'], /names no host$/],
  [[`v=TLSRPTv1; rua=https://peer.example/${'x'.repeat(600)}`], /too long$/],
])('%j asks for none: %s', (records, why) => {
  const read = parseReportRecords(records);
  if (typeof why === 'object' && 'kind' in why) expect(read).toEqual(why);
  else expect(read).toMatchObject({ kind: 'invalid', text: expect.stringMatching(why) });
});

test('of many destinations a few are used, and each that is not is named', () => {
  const uris = Array.from({ length: 30 }, (_, at) => `mailto:a${at}@peer.example`);
  const read = parseReportRecords([`v=TLSRPTv1; rua=bad,${uris.join(',')}`]);
  expect(read).toMatchObject({
    kind: 'found',
    problems: [expect.stringContaining('has no scheme'), '21 more than are used'],
  });
  if (read.kind === 'found') expect(read.destinations).toHaveLength(9);
});
