/** The key that reports are signed with: the one that `[tls_reports]` names, or that of Haraka's dkim plugin. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMissing } from '../../state/state_fault';
import { messageOf } from '../../text';

export interface DkimKey {
  /** Signs: the `d=` of the signature. */
  readonly domain: string;
  readonly selector: string;
  /** PEM. */
  readonly privateKey: string;
}

export type FoundKey =
  | { readonly kind: 'found'; readonly key: DkimKey }
  /** `text` says what is missing, or wrong. */
  | { readonly kind: 'none'; readonly text: string };

export interface KeySettings {
  /** The address that reports come from. */
  readonly from: string;
  readonly dkimSelector: string;
  readonly dkimKeyFile: string;
}

/** @param configDirectory Haraka's. Never throws. */
export function findDkimKey(
  { from, dkimSelector, dkimKeyFile }: KeySettings,
  configDirectory: string,
): FoundKey {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  if (dkimKeyFile !== '' || dkimSelector !== '') {
    if (dkimKeyFile === '' || dkimSelector === '')
      return none('dkim_selector and dkim_key_file are of use only together');
    return readKey(domain, dkimSelector, path.resolve(configDirectory, dkimKeyFile));
  }
  const labels = domain.split('.');
  for (let at = 0; at < labels.length; at++) {
    const signer = labels.slice(at).join('.');
    const directory = path.join(configDirectory, 'dkim', signer);
    const selector = readWord(path.join(directory, 'selector'));
    if (selector !== '') return readKey(signer, selector, path.join(directory, 'private'));
  }
  return none(
    `there is no DKIM key for ${domain}: neither dkim_selector and dkim_key_file are set, nor are there selector and private in config/dkim/${domain}`,
  );
}

function readKey(domain: string, selector: string, file: string): FoundKey {
  if (!/^[\w-]+(?:\.[\w-]+)*$/.test(selector)) return none(`${selector} is no DKIM selector`);
  try {
    const pem = readFileSync(file, 'utf8');
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem);
    if (type !== 'rsa') return none(`${file} holds no RSA key`);
    if ((details?.modulusLength ?? 0) < 1024) return none(`${file} holds a key that is too short`);
    return { kind: 'found', key: { domain, selector, privateKey: pem } };
  } catch (error) {
    return none(isMissing(error) ? `${file} is not there` : `${file}: ${messageOf(error)}`);
  }
}

function readWord(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function none(text: string): FoundKey {
  return { kind: 'none', text };
}
