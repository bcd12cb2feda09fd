/** The addresses at which policies are to be served, bound for a moment by whoever binds them at a start. */
import * as http from 'node:http';
import * as https from 'node:https';
import { unlessAborted, withDeadline } from '../../deadline';
import { hostedFiles } from '../../hosting/catalogue';
import type { Finding } from '../../settings/checks/check';
import { globalFile } from '../../settings/load/source';
import { tlsListeners, type Listener } from '../../settings/haraka/listeners';
import type { ConfigFiles } from '../../settings/haraka/config_files';
import { run, type Fault } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { quoted } from '../../state/access';
import { messageOf } from '../../text';
import { whyNotBound } from './bind';

type Endpoint = Settings['global']['hosting']['listen'][number];

/** Never rejects. */
export async function judgePorts(settings: Settings, source: ConfigFiles): Promise<Finding[]> {
  const { listen, listenHttp } = settings.global.hosting;
  const wanted = [
    ...listen.map((at) => ({ key: 'listen', at }) as const),
    ...listenHttp.map((at) => ({ key: 'listen_http', at }) as const),
  ];
  if (hostedFiles(settings).size === 0) return [];
  const mail = tlsListeners(source);
  const found = await Promise.all(
    wanted.map(async ({ key, at }): Promise<Finding[]> => {
      const why = mail.some((one) => overlap(one, at)) ? takenByMail : await judge(settings, key, at);
      if (why === undefined) return [];
      const value = `${at.address.includes(':') ? `[${at.address}]` : at.address}:${at.port}`;
      return [{ severity: 'warning', fault: { file: globalFile, section: 'hosting', key, value, ...why } }];
    }),
  );
  return found.flat();
}

/** What is wrong, and what mends it. */
type Why = Pick<Fault, 'problem' | 'mend'>;

/** Before the first start nothing has the port yet. */
const takenByMail: Why = {
  problem:
    'no policies can be served there: smtp.ini has Haraka take mail at that address and port. Choose another port, or another address',
};

/** Whether both cannot be bound: an address for all takes each of its kind, and `::` those of IPv4 as well. */
function overlap(mail: Listener, at: Endpoint): boolean {
  if (mail.port !== at.port) return false;
  return mail.address === at.address || covers(mail.address, at.address) || covers(at.address, mail.address);
}

function covers(all: string, address: string): boolean {
  return all === '::' || (all === '0.0.0.0' && !address.includes(':'));
}

async function judge(
  settings: Settings,
  key: 'listen' | 'listen_http',
  at: Endpoint,
): Promise<Why | undefined> {
  const error = await whyNotBound(at);
  if (error === undefined) return undefined;
  if (error.code === 'EADDRINUSE' && (await isServedBy(settings, key, at))) return undefined;
  return explained(error, key, at);
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
): Why {
  const nothing = `no policies can be served there: ${messageOf(error)}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return {
        problem: `${nothing}. ss -ltnp 'sport = :${port}' names what has the port. Where that is this Haraka, which has no policy to show there yet, all is well; otherwise stop it, or let it hand on to listen_http`,
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
