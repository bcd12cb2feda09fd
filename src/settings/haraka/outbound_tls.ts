/** Haraka's own TLS settings for connections to others: `[outbound]` of tls.ini, `enable_tls` of outbound.ini. */
import { iniValues, isTrue, type ConfigFiles } from './config_files';

export interface HarakaTls {
  /** `enable_tls`; true where it is not written. */
  readonly enabled: boolean;
  readonly noTlsHosts: readonly string[];
  readonly forceTlsHosts: readonly string[];
  /** What Haraka asks of a handshake, as far as a guarded delivery heeds it. */
  readonly options: HandshakeSettings;
  /** Whether `mutual_tls` or `mutual_auth_hosts` may have Haraka present a certificate that is chosen by host. */
  readonly certificateByHost: 'no' | 'maybe';
}

export interface HandshakeSettings {
  readonly minVersion?: string;
  readonly maxVersion?: string;
  readonly ciphers?: string;
  /** PEM. */
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

/** `[outbound]` inherits all of this from `[main]`, except `no_tls_hosts` and `maxVersion`. */
export function harakaTls(files: ConfigFiles): HarakaTls {
  const ini = iniValues(files, 'tls.ini');
  const main = ini['main'] ?? {};
  const { no_tls_hosts: noTlsHosts, ...own } = ini['outbound'] ?? {};
  const outbound = { ...main, ...own };
  const [switched] = texts(iniValues(files, 'outbound.ini')['main']?.['enable_tls']);
  return {
    enabled: switched === undefined || isTrue(switched),
    noTlsHosts: texts(noTlsHosts),
    forceTlsHosts: texts(outbound['force_tls_hosts']),
    options: {
      ...(textOption('minVersion', outbound) satisfies { minVersion?: string }),
      ...(textOption('maxVersion', own) satisfies { maxVersion?: string }),
      ...(textOption('ciphers', outbound) satisfies { ciphers?: string }),
      ...fileOption(files, 'key', outbound),
      ...fileOption(files, 'cert', outbound),
    },
    certificateByHost:
      texts(main['mutual_tls']).some(isTrue) || Object.keys(ini['mutual_auth_hosts'] ?? {}).length > 0
        ? 'maybe'
        : 'no',
  };
}

/** The files that `key` and `cert` name there. */
export function harakaTlsFiles(files: ConfigFiles): string[] {
  const ini = iniValues(files, 'tls.ini');
  const outbound = { ...ini['main'], ...ini['outbound'] };
  return [...texts(outbound['key']), ...texts(outbound['cert'])];
}

/** A value or a list of them; haraka-config makes numbers of what looks like one. */
function texts(value: unknown): string[] {
  return [value]
    .flat()
    .filter((one) => typeof one === 'string' || typeof one === 'number')
    .map(String)
    .filter((one) => one !== '');
}

type Values = Readonly<Record<string, unknown>>;

function textOption<K extends 'minVersion' | 'maxVersion' | 'ciphers'>(
  key: K,
  values: Values,
): { [key in K]?: string } {
  const [text] = texts(values[key]);
  return (text === undefined ? {} : { [key]: text }) as { [key in K]?: string };
}

function fileOption(
  files: ConfigFiles,
  key: 'key' | 'cert',
  values: Values,
): { key?: Buffer; cert?: Buffer } {
  const [name] = texts(values[key]);
  const reading = name === undefined ? undefined : files.read(name);
  return reading?.kind === 'file' && reading.text !== '' ? { [key]: Buffer.from(reading.text) } : {};
}
