/** Zones signed here and now with ldnsutils, and what is done to their signatures. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface SignedZones {
  /** Zone to zone file. */
  readonly files: ReadonlyMap<string, string>;
  /** The file with the key-signing key of the zone that everything is trusted from. */
  readonly trustAnchor: string;
}

/** What every zone begins with; its name server is at 127.0.0.1 in `lab`. */
export const apex = (zone: string, ttl = 3600): string => `$ORIGIN ${zone}.
$TTL ${ttl}
@ SOA ns.lab. root.lab. 1 3600 600 86400 60
@ NS ns.lab.
`;

export interface Signing {
  readonly algorithm: 'ECDSAP256SHA256' | 'RSASHA256';
  /** Further options of ldns-signzone. */
  readonly options?: readonly string[];
}

export interface Signed {
  readonly file: string;
  /** File of the key-signing key. */
  readonly keyFile: string;
  /** The DS record for the zone above. */
  readonly delegation: string;
}

/** Writes `text` as the zone of that name below `directory`, and signs it. */
export function signZone(
  directory: string,
  zone: string,
  text: string,
  { algorithm, options = [] }: Signing = { algorithm: 'ECDSAP256SHA256' },
): Signed {
  const ldns = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: directory, encoding: 'utf8' }).trim();
  writeFileSync(path.join(directory, `${zone}.zone`), text);
  const bits = algorithm === 'RSASHA256' ? ['-b', '2048'] : [];
  const ksk = ldns('ldns-keygen', '-k', '-a', algorithm, ...bits, zone);
  const zsk = ldns('ldns-keygen', '-a', algorithm, ...bits, zone);
  ldns('ldns-signzone', ...options, '-o', zone, '-f', `${zone}.signed`, `${zone}.zone`, zsk, ksk);
  return {
    file: path.join(directory, `${zone}.signed`),
    keyFile: path.join(directory, `${ksk}.key`),
    delegation: ldns('ldns-key2ds', '-n', '-2', `${ksk}.key`),
  };
}

/**
 * Changes the signature octets, and nothing else, of RRSIG records.
 *
 * @param wrongSignatures whose: an owner name with its last dot, and the type covered
 */
export function falsify(
  file: string,
  wrongSignatures: readonly (readonly [owner: string, type: string])[],
): void {
  const wrong = new Set(wrongSignatures.map(([owner, type]) => `${owner} ${type}`));
  let changed = 0;
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => {
      const [owner = '', , , type, covered = ''] = line.split(/\s+/);
      if (type !== 'RRSIG' || !wrong.has(`${owner} ${covered}`)) return line;
      changed++;
      return line.replace(
        /(\s)([A-Za-z0-9+/])([A-Za-z0-9+/]*=*)$/,
        (_all, space: string, first: string, rest: string) => `${space}${first === 'A' ? 'B' : 'A'}${rest}`,
      );
    });
  if (changed !== wrong.size) throw new Error(`${changed} of ${wrong.size} signatures found in ${file}`);
  writeFileSync(file, lines.join('\n'));
}
