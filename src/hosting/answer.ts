/** What a request is answered with. Pure. */
import { canonicalDomain } from '../names';
import { policyPath } from '../mta_sts/response';
import type { Catalogue } from './catalogue';

export interface Asked {
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** The Host headers, as they were sent. */
  readonly hosts: readonly string[];
  /** What the certificate was chosen by; empty on a listener without TLS, where a proxy has chosen it. */
  readonly serverName: string;
}

export interface Answer {
  readonly status: 200 | 400 | 404 | 405 | 421;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Empty for everything but a policy. To HEAD it is not sent. */
  readonly body: string;
}

export function answer(catalogue: Catalogue, asked: Asked): Answer {
  // Whoever stands in front may have gone by the one, and we by the other (RFC 9112 section 3.2).
  if (asked.hosts.length > 1) return empty(400);
  const { authority, path } = splitTarget(asked.target);
  const named = authority === '' ? (asked.hosts[0] ?? '') : authority;
  const host = hostOf(named === '' ? asked.serverName : named);
  // A client that was shown the certificate of one name may not ask for another (RFC 9110 section 15.5.20).
  if (asked.serverName !== '' && host !== hostOf(asked.serverName)) return empty(421);
  const file = catalogue.get(host);
  if (file === undefined || path !== policyPath) return empty(404);
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return empty(405, { Allow: 'GET, HEAD' });
  const headers = {
    ...common,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(file.text),
  };
  return { status: 200, headers, body: file.text };
}

/** Senders do not cache by HTTP (RFC 8461 section 3.3), and nobody between them and us should. */
const common = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  Connection: 'close',
} as const;

function empty(status: Answer['status'], more: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...common, ...more, 'Content-Length': 0 }, body: '' };
}

/** The absolute form of a target (RFC 9112 section 3.2.2) takes precedence over the Host header. */
function splitTarget(target: string): { authority: string; path: string } {
  const [, authority, path = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? [];
  return authority === undefined ? { authority: '', path: target } : { authority, path };
}

/** Without port; empty where it is no name that could be served. */
function hostOf(named: string): string {
  return canonicalDomain(named.replace(/:\d{1,5}$/, '')) ?? '';
}
