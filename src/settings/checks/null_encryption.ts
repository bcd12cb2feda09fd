/** Ciphers without encryption in tls.ini: the suite offers none and counts them as no TLS, Haraka's own server takes them. */
import { nullCiphersOf } from '../../tls/null_ciphers';
import type { ConfigFiles } from '../haraka/config_files';
import { headerOf } from '../ini/locate';
import { openIfReadable } from '../load/file';
import type { Fault } from '../schema/fault';

/** One fault for each `ciphers` that admits any. */
export function nullEncryption(source: ConfigFiles): Fault[] {
  const file = openIfReadable(source, 'tls.ini');
  if (file === undefined) return [];
  return file.located.sections.flatMap(({ name, keys }) => {
    const place = keys.get('ciphers');
    const value = place?.texts.at(-1) ?? '';
    const found = nullCiphersOf(value);
    if (place === undefined || found.length === 0) return [];
    const problem = `${found.join(' and ')} ${found.length === 1 ? 'does' : 'do'} not encrypt`;
    const allowed = 'a list that ends in :!eNULL and names no such suite';
    const { line } = place;
    return [{ file: file.name, line, section: headerOf(name), key: 'ciphers', value, problem, allowed }];
  });
}
