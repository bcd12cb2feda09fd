/** Where the page is served, and to whom it listens. Pure. */
import { parseAddress } from '../../peers/network';
import { iniValues } from '../haraka/config_files';
import { lineOf, openIfReadable } from '../load/file';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';
import type { FilesView, Finding, HttpView } from './check';
import { isLoaded, listedPlugins } from './not_loaded';

/** What must not be: a token that crosses a network in the clear, and a header that anybody may send. */
export function webFaults({ source, settings }: FilesView): Fault[] {
  const { enabled, listen, certificateFile, trustProxyUser, trustedProxies } = settings.global.web;
  if (!enabled) return [];
  const at = (key: string) => ({
    file: globalFile,
    line: lineOf(openIfReadable(source, globalFile), 'web', key),
    section: 'web',
    key,
  });
  const open = certificateFile === '' ? listen.filter(({ address }) => !isLoopback(address)) : [];
  return [
    ...open.map(({ address, port }) => ({
      ...at('listen'),
      value: `${address.includes(':') ? `[${address}]` : address}:${port}`,
      problem: 'the token would cross the network in the clear',
      allowed: 'a loopback address, or certificate_file',
    })),
    ...(trustProxyUser !== '' && trustedProxies.length === 0
      ? [
          {
            ...at('trust_proxy_user'),
            value: trustProxyUser,
            problem: 'no proxy is trusted, so that it counts from nobody',
            allowed: 'together with trusted_proxies',
          },
        ]
      : []),
  ];
}

/** Haraka's own http: whether it runs, and whether it encrypts. */
export function harakaHttp({ express }: HttpView, { source, settings }: FilesView): Finding[] {
  const listed = listedPlugins(source);
  if (!settings.global.web.enabled || (listed !== undefined && !isLoaded(listed, 'web'))) return [];
  const listeners = httpListeners(source);
  const at = {
    file: 'http.ini',
    line: lineOf(openIfReadable(source, 'http.ini'), 'main', 'listen'),
    key: 'listen',
  };
  const found: Fault[] = [];
  if (listeners.length > 0 && express === 'absent')
    found.push({
      ...at,
      value: listeners.join(', '),
      problem:
        "express is not installed beside Haraka, so that Haraka's http does not run, and no page in it",
    });
  const open = listeners.filter((listener) => !isLoopback(addressIn(listener)) && !/:443$/.test(listener));
  if (open.length > 0)
    found.push({
      ...at,
      value: open.join(', '),
      problem:
        "Haraka's http encrypts at port 443 alone: whoever opens the page there sends the token in the clear",
    });
  return found.map((fault) => ({ severity: 'warning', fault }));
}

/** The endpoints of http.ini. */
function httpListeners(source: FilesView['source']): string[] {
  const listen = iniValues(source, 'http.ini')['main']?.['listen'];
  return [listen]
    .flat()
    .flatMap((one) => (typeof one === 'string' ? one.split(/\s*,\s*/) : []))
    .filter((one) => one !== '');
}

function addressIn(listener: string): string {
  return /^\[([^\]]*)\]/.exec(listener)?.[1] ?? listener.split(':')[0] ?? '';
}

function isLoopback(text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return text === 'localhost';
  return address.family === 4 ? address.bits >> 24n === 127n : address.bits === 1n;
}
