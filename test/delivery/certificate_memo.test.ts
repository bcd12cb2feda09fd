import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { rememberCertificate } from '../../src/delivery/certificate_memo';

/** Names each certificate that it takes apart: `1 whole`, `2 leaf`, ... */
function socket(): TLSSocket {
  let asked = 0;
  const getPeerCertificate = (detailed?: boolean) => `${++asked} ${detailed === true ? 'whole' : 'leaf'}`;
  return { getPeerCertificate } as unknown as TLSSocket;
}

test('what Node asked for serves Haraka too', () => {
  const tls = socket();
  rememberCertificate(tls);
  expect([tls.getPeerCertificate(true), tls.getPeerCertificate()]).toEqual(['1 whole', '1 whole']);
});

test('where Node did not ask, nobody gets more than he asks for', () => {
  const tls = socket();
  rememberCertificate(tls);
  expect([tls.getPeerCertificate(), tls.getPeerCertificate(true)]).toEqual(['1 leaf', '2 whole']);
});

test('afterwards everybody sees what there is', () => {
  const tls = socket();
  const forget = rememberCertificate(tls);
  tls.getPeerCertificate(true);
  forget();
  expect([tls.getPeerCertificate(true), tls.getPeerCertificate()]).toEqual(['2 whole', '3 leaf']);
});
