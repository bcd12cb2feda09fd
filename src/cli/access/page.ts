/** What keeps the page from being served, or from letting anybody in, at a start. */
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { unlessAborted, withDeadline } from '../../deadline';
import type { Finding } from '../../settings/checks/check';
import { globalFile } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';
import { messageOf } from '../../text';
import { whyNoToken } from '../../state/token';
import { whyNotBound } from './bind';

type Web = Settings['global']['web'];
type Endpoint = Web['listen'][number];

/** To be called as the user that Haraka runs as. @param base Haraka's config directory */
export function judgePageFiles({ global: { web } }: Settings, base: string): Finding[] {
  if (!web.enabled || web.listen.length === 0) return [];
  return [...certificate(web, base), ...token(web, path.dirname(base))];
}

function certificate({ certificateFile, keyFile }: Web, base: string): Finding[] {
  if (certificateFile === '') return [];
  const read = (name: string) => readFileSync(path.resolve(base, name), 'utf8');
  try {
    createSecureContext({
      cert: read(certificateFile),
      key: read(keyFile === '' ? certificateFile : keyFile),
    });
    return [];
  } catch (error) {
    const problem = `no page is served: ${messageOf(error)}`;
    return [finding('certificate_file', certificateFile, problem)];
  }
}

function token({ tokenFile }: Web, install: string): Finding[] {
  const fault = whyNoToken(path.resolve(install, tokenFile));
  return fault === undefined ? [] : [finding('token_file', tokenFile, `the page lets nobody in: ${fault}`)];
}

/** To be called as whoever starts Haraka. Never rejects. */
export async function judgePagePorts({ global: { web } }: Settings): Promise<Finding[]> {
  if (!web.enabled) return [];
  const found = await Promise.all(web.listen.map((at) => judgePort(web, at)));
  return found.flat();
}

async function judgePort(web: Web, at: Endpoint): Promise<Finding[]> {
  const error = await whyNotBound(at);
  if (error === undefined || (error.code === 'EADDRINUSE' && (await isOurs(web, at)))) return [];
  const value = `${at.address.includes(':') ? `[${at.address}]` : at.address}:${at.port}`;
  return [finding('listen', value, `no page can be served there: ${messageOf(error)}`)];
}

const patience = 3_000;

/** Whether a Haraka that runs has the port: it answers there, and shows nothing without a credential. */
function isOurs({ certificateFile }: Web, { address, port }: Endpoint): Promise<boolean> {
  const { request } = certificateFile === '' ? http : https;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  const asking = (signal: AbortSignal) =>
    new Promise<boolean>((resolve) => {
      const options = { host, port, path: '/tls-peers/api/v1/overview', signal, agent: false };
      const asked = request({ ...options, rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(response.headers['x-content-type-options'] === 'nosniff');
      });
      asked.on('error', () => resolve(false));
      asked.end();
    });
  return withDeadline(patience, undefined, (signal) => unlessAborted(asking(signal), signal, () => false));
}

function finding(key: string, value: string, problem: string): Finding {
  return { severity: 'warning', fault: { file: globalFile, section: 'web', key, value, problem } };
}
