/** Whether a handshake can be begun at all with what tls.ini says. */
import { messageOf } from '../text';
import { handshakeOptions } from './options';
import type { TlsVersion } from './version';

/**
 * Why none can that asks for `minVersion` and takes any certificate; `undefined` where one can.
 *
 * @param haraka as for `handshakeOptions`
 */
export function whyNoHandshake(
  haraka: Readonly<Record<string, unknown>>,
  minVersion: TlsVersion,
): string | undefined {
  const terms = {
    minVersion,
    serverName: undefined,
    extraRoots: undefined,
    chain: 'not_enforced',
    certificate: 'none',
  } as const;
  const certificate = { key: buffer(haraka['key']), cert: buffer(haraka['cert']) };
  try {
    handshakeOptions({ terms, haraka, certificate, hello: 'classic' });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function buffer(value: unknown): Buffer | undefined {
  return Buffer.isBuffer(value) ? value : undefined;
}
