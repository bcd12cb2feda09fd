/** Whether one certificate is what one TLSA record describes (RFC 6698 section 2.1). Certificates are DER here. */
import { createHash } from 'node:crypto';
import { sameBytes } from '../x509/der';
import { publicKeyInfo } from '../x509/certificate';
import { matchingTypes, selectors } from './records';
import type { TlsaRecord } from './types';

/** Whether selector and matching type of `record`, applied to `certificate`, give its data. The usage is not looked at. */
export function matches(record: TlsaRecord, certificate: Uint8Array): boolean {
  const data = associationData(record, certificate);
  return data !== undefined && sameBytes(data, record.data);
}

/** What `record` would have to publish for `certificate`. `undefined` where the certificate cannot be read. */
export function associationData(record: TlsaRecord, certificate: Uint8Array): Uint8Array | undefined {
  const key = `${record.selector} ${record.matchingType}`;
  let forms = known.get(certificate);
  if (!forms) known.set(certificate, (forms = new Map<string, Uint8Array | undefined>()));
  if (!forms.has(key)) forms.set(key, formOf(record, certificate));
  return forms.get(key);
}

/** Each digest of a certificate is taken once, however many records there are. */
const known = new WeakMap<Uint8Array, Map<string, Uint8Array | undefined>>();

function formOf({ selector, matchingType }: TlsaRecord, certificate: Uint8Array): Uint8Array | undefined {
  const selected = selectedData(selector, certificate);
  if (selected === undefined) return undefined;
  switch (matchingType) {
    case matchingTypes.full:
      return selected;
    case matchingTypes.sha256:
      return createHash('sha256').update(selected).digest();
    case matchingTypes.sha512:
      return createHash('sha512').update(selected).digest();
    default:
      return undefined;
  }
}

function selectedData(selector: number, certificate: Uint8Array): Uint8Array | undefined {
  if (selector === selectors.certificate) return certificate;
  return selector === selectors.publicKey ? publicKeyInfo(certificate) : undefined;
}
