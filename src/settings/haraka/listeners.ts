/** Where Haraka takes mail, as smtp.ini says. */
import { iniValues, type ConfigFiles } from './config_files';

export interface Listener {
  /** Without brackets; `::` or `0.0.0.0` for every address of this machine. */
  readonly address: string;
  readonly port: number;
}

/** SMTP over TLS from the first octet: nothing there comes to STARTTLS. */
const smtpsPort = 465;

/** As Haraka reads `listen`, `listen_host` and `port`. Sockets, SMTPS and ports that the system chooses are left out. */
export function smtpListeners(files: ConfigFiles): Listener[] {
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
  const smtps = Number(text('smtps_port') || smtpsPort);
  return (all.length === 0 ? ['[::0]:25'] : all)
    .flatMap(listener)
    .filter((one) => one.port > 0 && one.port !== smtps);
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
