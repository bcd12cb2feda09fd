/** The addresses at which policies are to be served, bound for a moment by whoever binds them at a start. */
import * as http from 'node:http';
import * as https from 'node:https';
import { unlessAborted, withDeadline } from '../../deadline';
import { hostedFiles } from '../../hosting/catalogue';
import type { Finding } from '../../settings/checks/check';
import { globalFile } from '../../settings/load/source';
import { run, type Mend } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { quoted } from '../../state/access';
import { messageOf } from '../../text';
import { whyNotBound } from './bind';

type Endpoint = Settings['global']['hosting']['listen'][number];

/** Never rejects. */
export async function judgePorts(settings: Settings): Promise<Finding[]> {
  const { listen, listenHttp } = settings.global.hosting;
  const wanted = [
    ...listen.map((at) => ({ key: 'listen', at }) as const),
    ...listenHttp.map((at) => ({ key: 'listen_http', at }) as const),
  ];
  if (hostedFiles(settings).size === 0) return [];
  const found = await Promise.all(wanted.map(({ key, at }) => judge(settings, key, at)));
  return found.flat();
}

async function judge(settings: Settings, key: 'listen' | 'listen_http', at: Endpoint): Promise<Finding[]> {
  const error = await whyNotBound(at);
  if (error === undefined) return [];
  if (error.code === 'EADDRINUSE' && (await isServedBy(settings, key, at))) return [];
  const value = `${at.address.includes(':') ? `[${at.address}]` : at.address}:${at.port}`;
  const fault = { file: globalFile, section: 'hosting', key, value, ...explained(error, key, at) };
  return [{ severity: 'warning', fault }];
}

const patience = 3_000;

/** Whether it is this Haraka that has the port: one that runs serves the policy of a managed domain there. */
function isServedBy(settings: Settings, key: 'listen' | 'listen_http', at: Endpoint): Promise<boolean> {
  const [file] = hostedFiles(settings).values();
  if (file === undefined) return Promise.resolve(false);
  return withDeadline(patience, undefined, (signal) =>
    unlessAborted(ask(key, at, file.host, signal), signal, () => false),
  );
}

function ask(
  key: 'listen' | 'listen_http',
  { address, port }: Endpoint,
  host: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { request } = key === 'listen' ? https : http;
  const near = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const path = '/.well-known/mta-sts.txt';
  const options = { host: near, port, path, headers: { host }, servername: host, signal, agent: false };
  return new Promise((resolve) => {
    const asked = request({ ...options, rejectUnauthorized: false }, (response) => {
      response.resume();
      const { statusCode, headers } = response;
      resolve(statusCode === 200 && (headers['content-type'] ?? '').startsWith('text/plain'));
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

/** What is wrong, and what else would be right. */
function explained(
  error: NodeJS.ErrnoException,
  key: 'listen' | 'listen_http',
  { address, port }: Endpoint,
): { readonly problem: string; readonly mend?: Mend } {
  const nothing = `no policies can be served there: ${messageOf(error)}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return {
        problem: `${nothing}. Stop what has the port (ss -ltnp 'sport = :${port}' names it), or let it hand on to listen_http`,
      };
    case 'EACCES':
      return {
        problem: `${nothing}. A Haraka that is not started as root needs the right to that port`,
        mend: run(`setcap cap_net_bind_service=+ep ${quoted(process.execPath)}`),
      };
    case 'EADDRNOTAVAIL': {
      const any = address.includes(':') ? '[::]' : '0.0.0.0';
      const line = `${key} = ${any}:${port}`;
      return {
        problem: `${nothing}. It is no address of this machine`,
        mend: { kind: 'write', file: globalFile, section: 'hosting', line },
      };
    }
    default:
      return { problem: nothing };
  }
}
