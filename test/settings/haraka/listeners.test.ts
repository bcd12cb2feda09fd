import { expect, test } from 'vitest';
import { parseIni, type ConfigFiles } from '../../../src/settings/haraka/config_files';
import { smtpListeners, tlsListeners } from '../../../src/settings/haraka/listeners';

const files = (smtp: string, tls = ''): ConfigFiles => ({
  read: (name) => ({ kind: 'file', text: name === 'smtp.ini' ? smtp : tls }),
  parse: parseIni,
});

test.each<[string, string[]]>([
  ['', [':: 25 starttls']],
  ['listen=127.0.0.1:2525', ['127.0.0.1 2525 starttls']],
  ['listen=0.0.0.0:25, [::0]:465', ['0.0.0.0 25 starttls', ':: 465 from_start']],
  ['listen=127.0.0.1:4465\nsmtps_port=4465', ['127.0.0.1 4465 from_start']],
  ['listen=127.0.0.1:465\nsmtps_port=4465', ['127.0.0.1 465 starttls']],
  ['port=587\nlisten_host=192.0.2.1', ['192.0.2.1 587 starttls']],
  ['listen=/run/haraka.sock, 127.0.0.1:0', []],
])('%j', (smtp, expected) => {
  const all = tlsListeners(files(smtp));
  expect(all.map(({ address, port, tls }) => `${address} ${port} ${tls}`)).toEqual(expected);
  expect(smtpListeners(files(smtp))).toHaveLength(all.filter(({ tls }) => tls === 'starttls').length);
});

test('ports at which tls.ini switches STARTTLS off', () => {
  const smtp = 'listen=127.0.0.1:25,127.0.0.1:2525';
  expect(tlsListeners(files(smtp, 'no_starttls_ports[]=2525')).map(({ tls }) => tls)).toEqual([
    'starttls',
    'switched_off',
  ]);
  expect(smtpListeners(files(smtp, 'no_starttls_ports[]=2525'))).toHaveLength(2);
});
