import { once } from 'node:events';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openCertificateOffice, type CertificateOffice } from '../../../haraka-test-harness/certificates';
import {
  startPolicyHost,
  type PolicyHost,
  type PolicyBehaviour,
} from '../../../haraka-test-harness/policy_host';

const name = 'mta-sts.a.example';
const body = 'version: STSv1\r\nmode: none\r\nmax_age: 60\r\n';

describe('a policy host', () => {
  let office: CertificateOffice;
  let host: PolicyHost;

  beforeEach(async () => {
    office = await openCertificateOffice();
    const certificate = await office.certificate(name, 'trusted');
    host = await startPolicyHost({ name, address: '127.20.9.1', body, behaviour: 'serve', certificate });
  });
  afterEach(() => host.stop());

  /** Status, type and body; the error's code where there is none, `nothing` where none came in time. */
  async function get(timeoutMs = 2000): Promise<string> {
    const asked = request({
      host: host.address,
      port: host.port,
      path: '/.well-known/mta-sts.txt',
      headers: { host: name },
      servername: name,
      ca: office.caPem,
      agent: false,
      timeout: timeoutMs,
    });
    // An answer that breaks off reports its error twice.
    asked.on('error', () => undefined);
    asked.on('timeout', () => asked.destroy(Object.assign(new Error(), { code: 'nothing' })));
    asked.end();
    try {
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      let length = 0;
      for await (const chunk of response) length += (chunk as Buffer).length;
      return `${response.statusCode ?? 0} ${response.headers['content-type'] ?? '-'} ${length}`;
    } catch (error) {
      return String((error as { code?: string }).code);
    }
  }

  it.each<[PolicyBehaviour, string]>([
    ['serve', `200 text/plain ${body.length}`],
    ['not-found', '404 text/plain 13'],
    ['server-error', '500 text/plain 7'],
    ['redirect', '302 - 10'],
    ['garbage', '200 text/plain 7'],
    ['wrong-type', `200 text/html ${body.length}`],
    ['huge', `200 text/plain ${body.length + 4_200_000}`],
    ['close', 'ECONNRESET'],
    ['silence', 'nothing'],
    ['stall', 'ECONNRESET'],
  ])('that is to %s answers %s', async (behaviour, answer) => {
    host.setBehaviour(behaviour);
    expect(await get(behaviour === 'silence' || behaviour === 'stall' ? 100 : 2000)).toBe(answer);
  });

  it('keeps what it was asked', async () => {
    await get();
    expect(host.requests).toMatchObject([
      { method: 'GET', path: '/.well-known/mta-sts.txt', host: name, sni: name },
    ]);
    expect(host.connections).toBe(1);
  });

  it.each([
    ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['not-yet-valid', 'CERT_NOT_YET_VALID'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['private-ca', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ] as const)('with a certificate that is %s is refused: %s', async (kind, code) => {
    host.setCertificate(await office.certificate(name, kind));
    expect(await get()).toBe(code);
  });
});
