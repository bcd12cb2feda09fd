/** Which ciphers a handshake offers. Pure. */
import { encrypts } from './encrypts';
import type { CertificateUse } from './handshake_terms';
import type { SecurityLevel } from './security_level';

export interface CipherTerms {
  readonly securityLevel: SecurityLevel;
  readonly certificate: CertificateUse;
}

/** A list for `ciphers`, and whether it leaves anything for TLS 1.2 and older. */
export interface CipherList {
  readonly ciphers: string;
  readonly versions: 'any' | 'only_1.3';
}

const suites = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];

/**
 * Forward secrecy and AEAD first. By name: what `HIGH` and `DEFAULT` stand for differs from one OpenSSL to the next, and
 * Node's default can be changed from outside (`--tls-cipher-list`).
 */
const older = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'DHE-RSA-AES128-GCM-SHA256',
  'DHE-RSA-AES256-GCM-SHA384',
  'DHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'DHE-RSA-AES128-SHA256',
  'DHE-RSA-AES256-SHA256',
  'DHE-RSA-AES128-SHA',
  'DHE-RSA-AES256-SHA',
  'DHE-RSA-CAMELLIA256-SHA',
  'DHE-RSA-CAMELLIA128-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA256',
  'AES256-SHA256',
  'AES128-SHA',
  'AES256-SHA',
  'CAMELLIA256-SHA',
  'CAMELLIA128-SHA',
];

/**
 * What to offer under `configured` (`ciphers` of tls.ini, empty for nothing).
 *
 * A cipher that does not encrypt is never offered, not even where tls.ini names it. One that shows no certificate is not where there
 * has to be one, and only in the last place where one is looked at. The security level is ours; tls.ini may raise it,
 * and what it lowers for the sake of Haraka's own server does not count here.
 */
export function cipherList(configured: string, terms: CipherTerms): CipherList {
  const tokens = tokensOf(configured);
  const named = tokens.filter(isSuite).filter((token) => encrypts(token));
  const rest = tokens.filter((token) => !isSuite(token));
  const level = `@SECLEVEL=${Math.max(terms.securityLevel, configuredLevel(configured))}`;
  const versions = rest.length === 0 && named.length > 0 ? 'only_1.3' : 'any';
  const ciphers = [
    ...(named.length === 0 ? suites : named),
    ...(rest.length === 0 ? older : rest),
    '!eNULL',
    ...anonymous[terms.certificate],
    level,
  ];
  return { ciphers: ciphers.join(':'), versions };
}

const anonymous = {
  enforced: ['!aNULL'],
  observed: ['+aNULL'],
  none: [],
} as const satisfies Record<CertificateUse, readonly string[]>;

/** The parts of a cipher list but for its security level. OpenSSL takes four separators, Node one. */
export function tokensOf(configured: string): string[] {
  return configured
    .replace(levelPattern, '')
    .split(/[:;, ]+/)
    .filter((token) => token !== '');
}

const levelPattern = /@SECLEVEL=(\d)/g;

/** The last one counts. */
function configuredLevel(configured: string): number {
  return Number([...configured.matchAll(levelPattern)].at(-1)?.[1] ?? 0);
}

/** A suite of TLS 1.3, as Node tells them apart. */
export function isSuite(token: string): boolean {
  return token.startsWith('TLS_');
}
