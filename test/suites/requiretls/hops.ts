/** Through two Harakas in a row, and to servers that others wrote. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { openCertificateOffice } from '../../../haraka-test-harness/certificates';
import type { Checks } from './checks';
import { startStation, type Ask, type Station } from './station';

/** Mail goes to whatever listens on this machine under that name. */
const relay = 'relay.example';

const router = (port: number): string => `
exports.register = function () { this.register_hook('get_mx', 'route'); };
exports.route = (next, hmail, domain) =>
  domain.endsWith('ours.example') ? next() : next(OK, { exchange: '${relay}', port: ${port}, priority: 0 });`;

async function startFirst(port: number, caPem: string): Promise<Station> {
  return startStation(
    {
      plugins: ['tls', 'tls-peers', 'router'],
      ownPlugins: { router: router(port) },
      config: {
        'relay-ca.pem': caPem,
        'tls-peers.ini': `[inbound]\nrequiretls = true\n[outbound]\nroutes[] = ${relay}\n`,
        'tls-peers/auto.ours.example.ini': '[outbound]\nsecurity_level = auto\nca_file = relay-ca.pem\n',
      },
    },
    {
      domains: {},
      records: [{ name: relay, type: 'A', records: [{ type: 'A', address: '127.0.0.1' }] }],
      zones: { [relay]: 'secure' },
    },
  );
}

export async function twoHarakas(checks: Checks): Promise<void> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate(relay, 'trusted');
  for (const offer of ['true', 'false'] as const) {
    const second = await startStation({
      config: {
        'tls-peers.ini': `[inbound]\nrequiretls = ${offer}\n`,
        'tls_key.pem': keyPem,
        'tls_cert.pem': chainPem,
      },
    });
    const first = await startFirst(second.lab.haraka.port, office.caPem);
    try {
      if (offer === 'true') await chain(checks, first, second);
      else {
        const { id } = await first.send({ as: 'auto', ask: 'required', to: 'rcpt@dane.example' });
        const { recipients } = await first.lab.outcome(id);
        checks.same('a second Haraka that does not offer it: 5.7.30', recipients[0]?.dsn_status, '5.7.30');
        const other = await first.send({ as: 'auto', ask: '-', to: 'rcpt@dane.example' });
        checks.same('other mail passes it', (await second.lab.outcome(other.id)).status, 'delivered');
      }
    } finally {
      await first.stop();
      await second.stop();
    }
  }
}

async function chain(checks: Checks, first: Station, second: Station): Promise<void> {
  const cases: readonly (readonly [Ask, string, string])[] = [
    ['required', 'dane', 'delivered REQUIRETLS'],
    ['required', 'sts', 'delivered REQUIRETLS'],
    ['required', 'plain-bare', 'bounced 5.7.10'],
    ['required', 'dane-bare', 'bounced 5.7.30'],
    ['required', 'notls', 'bounced 5.7.10'],
    ['required+no', 'notls', 'bounced 5.7.10'],
    ['no', 'notls', 'delivered'],
    ['no', 'dane-wrong', 'delivered'],
    ['-', 'dane', 'delivered'],
    ['-', 'notls', 'delivered'],
  ];
  for (const [ask, peer, expected] of cases) {
    const { id, sender } = await first.send({ as: 'auto', ask, to: `rcpt@${peer}.example` });
    const atFirst = await first.lab.outcome(id);
    const { status, recipients } = await second.lab.outcome(id);
    const [mail = ''] = second.mails(sender);
    const how =
      status === 'bounced'
        ? ` ${recipients[0]?.dsn_status ?? ''}`
        : / REQUIRETLS/.test(mail)
          ? ' REQUIRETLS'
          : '';
    checks.same(
      `through two Harakas: ${ask} to ${peer}`,
      `${atFirst.status}, ${status}${how}`,
      `delivered, ${expected}`,
    );
    if (ask === 'required' && peer === 'dane') {
      const data = second.lab.peer('mx.dane.example').messages.find((one) => one.id === id)?.data ?? '';
      checks.same('both say so in Received', data.match(/\(requiretls\)/g)?.length, 2);
    }
  }
}

export async function toOtherServers(checks: Checks, say: (line: string) => void): Promise<void> {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate(relay, 'trusted');
  for (const hidden of [false, true]) {
    const heard: boolean[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH'],
      hideREQUIRETLS: hidden,
      key: keyPem,
      cert: chainPem,
      onData: (stream, session, done) => {
        heard.push(Reflect.get(session.envelope, 'requireTLS') === true);
        stream.resume();
        stream.once('end', () => done());
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const first = await startFirst((server.server.address() as AddressInfo).port, office.caPem);
    try {
      const { id } = await first.send({ as: 'auto', ask: 'required', to: 'rcpt@anywhere.example' });
      const { status, recipients } = await first.lab.outcome(id);
      const seen = status === 'bounced' ? recipients[0]?.dsn_status : `${status} ${heard.join()}`;
      checks.same(
        `smtp-server, ${hidden ? 'hiding' : 'offering'} it`,
        seen,
        hidden ? '5.7.30' : 'delivered true',
      );
      const other = await first.send({ as: 'auto', ask: '-', to: 'rcpt@anywhere.example' });
      checks.same('other mail', (await first.lab.outcome(other.id)).status, 'delivered');
      checks.same('is not tagged there', heard.at(-1), false);
    } finally {
      await first.stop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }
  say(`NOT RUN: ${postfixText()}`);
}

function postfixText(): string {
  try {
    const version = execFileSync('postconf', ['-h', 'mail_version'], { encoding: 'utf8' }).trim();
    return `Postfix ${version} has no REQUIRETLS (3.11 is the first that does): nothing was held against it`;
  } catch {
    return 'there is no Postfix here; 3.11 is the first that has REQUIRETLS';
  }
}
