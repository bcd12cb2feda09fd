/** The Harakas that scenarios run in: other plugins, and Haraka's own settings for TLS. */
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import { dhParameters } from '../../../haraka-test-harness/dh_parameters';
import { iniText } from '../../../haraka-test-harness/ini';
import type { LabOptions } from '../../../haraka-test-harness/lab';
import { credentials } from './routes';
import type { Scenario, SurroundingsName } from './scenario';

/** Answers `get_mx` from a file. */
const routing = `
const fs = require('node:fs');
exports.hook_get_mx = (next, hmail, domain) => {
  const route = JSON.parse(fs.readFileSync(process.env.FAULT_ROUTES, 'utf8'))[domain];
  if (route === undefined) return next();
  if (route === 'deny') return next(DENY, 'as the test says');
  if (route === 'denysoft') return next(DENYSOFT, 'as the test says');
  next(OK, route);
};`;

export async function surroundings(
  name: SurroundingsName,
  scenarios: readonly Scenario[],
  routesFile: string,
): Promise<LabOptions> {
  const peers = scenarios.map(({ peer }) => peer);
  switch (name) {
    case 'plain':
      return {};
    case 'routed':
      return {
        plugins: ['routing', 'tls-peers'],
        ownPlugins: { routing },
        env: { FAULT_ROUTES: routesFile },
      };
    case 'routed_memory':
      // Haraka is told to remember hosts in Redis, which is not there.
      return {
        ...(await surroundings('routed', scenarios, routesFile)),
        config: {
          'tls.ini': '[redis]\ndisable_for_failed_hosts = true\n',
          'redis.ini': '[server]\nhost = 127.0.0.1\nport = 1\n',
        },
      };
    case 'smtp_forward':
      return {
        plugins: ['queue/smtp_forward', 'tls-peers'],
        config: { 'smtp_forward.ini': forwardTo(peers) },
      };
    case 'relay':
      return {
        plugins: ['relay', 'tls-peers'],
        config: {
          'relay.ini': '[relay]\nforce_routing = true\n',
          'relay_dest_domains.ini': iniText({
            domains: Object.fromEntries(peers.map((peer) => [peer, nextHop(peer)])),
          }),
        },
      };
    case 'forced':
      return { config: { 'tls.ini': hostList('force_tls_hosts', peers) } };
    case 'exempt':
      return { config: { 'tls.ini': hostList('no_tls_hosts', peers) } };
    case 'no_tls':
      return { outbound: { enable_tls: 'false' } };
    case 'mutual':
      return serverWithTls('mutual_tls = true\n');
    case 'mutual_strict':
      return serverWithTls('mutual_tls = true\nrejectUnauthorized = true\n');
    case 'bad_ciphers':
      return { config: { 'tls.ini': '[outbound]\nciphers = NO-SUCH-CIPHER\n' } };
  }
}

function forwardTo(peers: readonly string[]): string {
  return iniText(
    Object.fromEntries(
      peers.map((peer) => [
        peer,
        {
          host: `mx.${peer}`,
          port: '25',
          auth_type: 'PLAIN',
          auth_user: credentials.user,
          auth_pass: credentials.password,
        },
      ]),
    ),
  );
}

function nextHop(peer: string): string {
  return JSON.stringify({ action: 'continue', nexthop: `mx.${peer}` });
}

function hostList(key: string, peers: readonly string[]): string {
  return ['[outbound]', ...peers.map((peer) => `${key}[] = ${peer}`), ''].join('\n');
}

/**
 * Haraka offers STARTTLS itself; under `mutual_tls` it merges all of this over what a connection to a peer asks for.
 *
 * @param further lines of tls.ini
 */
export async function serverWithTls(
  further = '',
): Promise<LabOptions & { readonly config: Record<string, string> }> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate('mail.lab.example', 'self-signed');
  return {
    plugins: ['tls', 'tls-peers'],
    config: {
      'tls.ini': `minVersion = TLSv1.2\n${further}`,
      'tls_cert.pem': chainPem,
      'tls_key.pem': keyPem,
      'dhparams.pem': dhParameters,
    },
  };
}
