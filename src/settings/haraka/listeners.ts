/** Where Haraka takes mail, as smtp.ini says. */
import { iniValues, type ConfigFiles } from './config_files';

export interface Listener {
  /** Without brackets; `::` or `0.0.0.0` for every address of this machine. */
  readonly address: string;
  readonly port: number;
}

const usualSmtpsPort = 465;

export interface TlsListener extends Listener {
  /** `from_start`: SMTPS, TLS from the first octet; `switched_off`: `no_starttls_ports` of tls.ini names the port. */
  readonly tls: 'starttls' | 'from_start' | 'switched_off';
}

/** As Haraka reads `listen`, `listen_host`, `port` and `smtps_port`. Sockets, and ports that the system chooses, are left out. */
export function tlsListeners(files: ConfigFiles): TlsListener[] {
  const main = iniValues(files, 'smtp.ini')['main'] ?? {};
  const text = (key: string): string => {
    const value = main[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
  };
  const named = text('listen')
    .split(/\s*,\s*/)
    .filter((one) => one !== '');
  const port = text('port');
  const own = port === '' || port === '0' ? [] : [`${bracketed(text('listen_host') || '::0')}:${port}`];
  const all = [...own, ...named];
  const bare = [iniValues(files, 'tls.ini')['main']?.['no_starttls_ports']].flat().map(Number);
  const smtps = Number(text('smtps_port') || usualSmtpsPort);
  return (all.length === 0 ? ['[::0]:25'] : all)
    .flatMap(listener)
    .filter((one) => one.port > 0)
    .map((one) => ({
      ...one,
      tls: one.port === smtps ? 'from_start' : bare.includes(one.port) ? 'switched_off' : 'starttls',
    }));
}

/** Those where a session begins in cleartext: nothing at SMTPS comes to STARTTLS. */
export function smtpListeners(files: ConfigFiles): Listener[] {
  return tlsListeners(files)
    .filter(({ tls }) => tls !== 'from_start')
    .map(({ address, port }) => ({ address, port }));
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** None for a path of a socket, and for what is neither. */
function listener(endpoint: string): Listener[] {
  const match = /^(?:\[([^\]]*)\]|([^/:]*))(?::(\d{1,5}))?$/.exec(endpoint);
  if (match === null) return [];
  const [, inBrackets, plain = '', port = '25'] = match;
  const address = inBrackets ?? (plain === '' ? '::0' : plain);
  return [{ address: /^(?:::0?|0:0:0:0:0:0:0:0)$/.test(address) ? '::' : address, port: Number(port) }];
}
