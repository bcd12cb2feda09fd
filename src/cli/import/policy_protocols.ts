/** The `protocols` attribute of a policy, as postconf(5) describes smtp_tls_mandatory_protocols. Pure. */
import type { MinTlsVersion } from '../../peers/rule';

/** From old to new. */
const protocols = ['sslv2', 'sslv3', 'tlsv1', 'tlsv1.1', 'tlsv1.2', 'tlsv1.3'] as const;
const versions: readonly MinTlsVersion[] = ['none', 'none', 'none', '1.1', '1.2', '1.3'];

export type ProtocolsReading =
  /** `exact`: every later version is allowed, too. */
  | { readonly kind: 'minimum'; readonly version: MinTlsVersion; readonly exact: boolean }
  | { readonly kind: 'wrong'; readonly problem: string };

/** Names with colons between them: allowed ones, `!` and excluded ones, `>=` and the oldest, `<=` and the newest. */
export function minimumOf(text: string): ProtocolsReading {
  const words = text.split(/[:\s,]+/).filter((word) => word !== '');
  const included = new Set<number>();
  const excluded = new Set<number>();
  let [oldest, newest] = [0, protocols.length - 1];
  for (const word of words) {
    const [, sign = '', name = ''] = /^(!|>=|<=)?(.*)$/.exec(word) ?? [];
    const at = protocols.findIndex((one) => one === name.toLowerCase().replace(/^tlsv1\.0$/, 'tlsv1'));
    if (at === -1) return { kind: 'wrong', problem: `${name}: no such protocol` };
    if (sign === '!') excluded.add(at);
    else if (sign === '>=') oldest = at;
    else if (sign === '<=') newest = at;
    else included.add(at);
  }
  const allowed = versions.map(
    (_, at) => at >= oldest && at <= newest && !excluded.has(at) && (included.size === 0 || included.has(at)),
  );
  // SSL is never spoken.
  const first = allowed.indexOf(true, protocols.indexOf('tlsv1'));
  if (first === -1) return { kind: 'wrong', problem: 'leaves no version of TLS' };
  return {
    kind: 'minimum',
    version: versions[first] ?? 'none',
    exact: allowed.slice(first).every(Boolean),
  };
}
