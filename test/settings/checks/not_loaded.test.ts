import { expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { formatFault } from '../../../src/settings/schema/fault';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

const ours = (text: string) => ({ 'tls-peers/ours.example.ini': text });
const outbound = ours('[outbound x.example]\nsecurity_level = may\n');
const inbound = ours('[inbound 192.0.2.1]\nsecurity_level = mandatory\n');
const policy = ours('[mta_sts]\nmx = mx.ours.example\n');
const listening = { 'tls-peers.ini': '[hosting]\nlisten = 192.0.2.1:443\n' };
const proxied = { 'tls-peers.ini': '[hosting]\nlisten_http = 127.0.0.1:80\n' };

const noGuard =
  'plugins: neither tls-peers nor tls-peers/outbound is listed: no outbound rule has an effect, ours.example [outbound x.example] included';
const nothing =
  "plugins: neither tls-peers nor tls-peers/outbound is listed: mail leaves by Haraka's own settings, without DANE and MTA-STS";
const noInbound =
  'plugins: neither tls-peers nor tls-peers/inbound is listed: no inbound rule has an effect, ours.example [inbound 192.0.2.1] included';
const noTls =
  'plugins: tls is not listed: nobody is offered TLS, so nobody can satisfy ours.example [inbound 192.0.2.1]';
const noHosting =
  'plugins: neither tls-peers nor tls-peers/hosting is listed: the policy of ours.example is served nowhere';
const noListener =
  'tls-peers/ours.example.ini:1: [mta_sts]: the policy of ours.example is served nowhere: tls-peers.ini has neither listen nor listen_http in [hosting]';

const reports = { 'tls-peers.ini': '[tls_reports]\nreceive = tls@ours.example\n' };
const noReports =
  'plugins: neither tls-peers nor tls-peers/reports is listed: no TLS report is sent or read, whatever [tls_reports] says';

test.each([
  ['TLS reports', ['tls-peers/outbound'], reports, [noReports]],
  ['TLS reports', ['tls-peers/outbound', 'tls-peers/reports'], reports, []],
  ['TLS reports', ['tls-peers'], reports, []],
  ['an outbound rule', ['tls'], outbound, [noGuard]],
  ['an outbound rule', ['# tls-peers', '; tls-peers/outbound', 'tls-peers/inbound'], outbound, [noGuard]],
  ['an outbound rule', [' tls-peers '], outbound, []],
  ['an outbound rule', ['tls-peers/outbound'], outbound, []],
  ['an outbound rule', ['haraka-plugin-tls-peers'], outbound, []],
  [
    'an outbound rule that is switched off',
    [],
    ours('status = disabled\n[outbound]\nsecurity_level = may\n'),
    [nothing],
  ],
  ['an inbound rule', ['tls', 'tls-peers/outbound'], inbound, [noInbound]],
  ['an inbound rule', ['tls-peers'], inbound, [noTls]],
  ['an inbound rule', ['tls', 'tls-peers/inbound'], inbound, []],
  ['an inbound rule that asks for nothing', [], ours('[inbound]\nsecurity_level = may\n'), [nothing]],
  ['a policy', ['tls-peers/outbound'], { ...policy, ...listening }, [noHosting]],
  ['a policy', ['tls-peers/hosting'], policy, [noListener]],
  ['a policy', ['tls-peers'], { ...policy, ...listening }, []],
  ['a policy', ['tls-peers/hosting'], { ...policy, ...proxied }, []],
  ['no rule', ['tls'], {}, [nothing]],
  ['no rule', ['tls-peers'], {}, []],
  ['no rule', ['tls-peers/inbound'], {}, []],
])('%s beside the plugins %j', (_what, plugins, files, expected) => {
  expect(said({ plugins: plugins.join('\n'), ...files })).toEqual(expected);
});

test('nothing is known of plugins where there is no list of them', () => {
  expect([outbound, inbound, policy].flatMap(said)).toEqual([]);
});

function said(files: Record<string, string>): string[] {
  const source = memorySource(files);
  const { warnings } = findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-06-15')));
  // The key of a listener is for another test.
  return warnings
    .filter(({ file }) => file !== 'tls.ini')
    .map((one) => formatFault({ ...one, mend: undefined }));
}
