/** Ciphers without encryption in tls.ini: the suite offers none and counts them as no TLS, Haraka's own server takes them. */
import { nullCiphersOf } from '../../tls/null_ciphers';
import { fault, type Fault } from '../schema/fault';
import { openFile, sectionLabel } from '../load/file';
import type { SettingsSource } from '../load/source';

/** One fault for each `ciphers` that admits any. */
export function nullEncryption(source: SettingsSource): Fault[] {
  const reading = source.read('tls.ini');
  if (reading.kind !== 'file') return [];
  const file = openFile(source, 'tls.ini', reading.text);
  return file.located.sections.flatMap(({ name, keys }) => {
    const place = keys.get('ciphers');
    const value = place?.texts.at(-1) ?? '';
    const found = nullCiphersOf(value);
    if (place === undefined || found.length === 0) return [];
    const problem = `${found.join(' and ')} ${found.length === 1 ? 'does' : 'do'} not encrypt`;
    const allowed = 'a list that ends in :!eNULL and names no such suite';
    return [
      fault({
        file: file.name,
        line: place.line,
        section: sectionLabel(name),
        key: 'ciphers',
        value,
        problem,
        allowed,
      }),
    ];
  });
}
