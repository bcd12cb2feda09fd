/** What is beside the way of a tagged message: other plugins, policies that change or cannot be had, and what is told of other mail. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Checks } from './checks';
import { offering, startStation, type Ask, type Station } from './station';

export async function beside(checks: Checks): Promise<void> {
  for (const client of ['own', 'stranger'] as const) await forwarding(checks, client);
  await policies(checks);
  await troubles(checks);
  await news(checks);
  await reports(checks);
}

/** `delivered`, `deferred`, or the status of the bounce. */
async function fate(station: Station, ask: Ask, peer: string): Promise<string> {
  const { id } = await station.send({ as: 'auto', ask, to: `rcpt@${peer}.example` });
  const { status, recipients } = await station.lab.outcome(id, { timeoutMs: 60_000 });
  return status === 'bounced' ? (recipients[0]?.dsn_status ?? status) : status;
}

const strange = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'admit');
};
exports.admit = (next) => next(OK);
exports.estrange = (next, connection) => { connection.relaying = false; next(); };`;

/** smtp_forward does more than to forward: it knows who is a local sender, and leaves mail of clients to the outbound queue. */
async function forwarding(checks: Checks, client: 'own' | 'stranger'): Promise<void> {
  const local = '[auto.ours.example]\nhost=smart.example\nport=25\n';
  const ini = `enable_outbound=true\ncheck_sender=true\ncheck_recipient=true\nhost=smart.example\nport=25\n${local}`;
  const station = await startStation(
    {
      plugins: ['tls', 'queue/smtp_forward', 'tls-peers', ...(client === 'stranger' ? ['strange'] : [])],
      ownPlugins: { strange },
      config: { 'smtp_forward.ini': ini },
    },
    { domains: { 'smart.example': { implicit: {} } } },
  );
  try {
    for (const ask of ['-', 'required'] as const) {
      if (client === 'own') {
        const asked = ask === '-' ? 'other mail' : 'mail that asks for it';
        const seen = await fate(station, ask, 'dane').catch(String);
        checks.same(`${asked} that smtp_forward leaves to the queue goes from there`, seen, 'delivered');
      } else {
        const { heard } = await station.send({ as: 'auto', ask, to: 'rcpt@auto.ours.example' });
        checks.hold(
          `smtp_forward refuses a forged local sender, asking ${ask}`,
          heard.mail.includes('Spoofed'),
          heard,
        );
      }
    }
    checks.same('smtp_forward was not asked', station.lab.peer('smart.example').messages.length, 0);
  } finally {
    await station.stop();
  }
}

const policyOf = (mx: string): string => `version: STSv1\r\nmode: testing\r\nmx: ${mx}\r\nmax_age: 86400\r\n`;

/** Before a message is returned for what a policy says, the domain is asked for a newer one; one that cannot be had may come. */
async function policies(checks: Checks): Promise<void> {
  const station = await startStation(
    {},
    {
      domains: {
        'moved.example': { mx: [{ behaviour: offering }], sts: { policy: policyOf('old.moved.example') } },
        'lapsed.example': {
          mx: [{ behaviour: offering }],
          sts: { policy: { mode: 'enforce' }, certificate: 'expired' },
        },
        'garbled.example': { mx: [{ behaviour: offering }], sts: { policy: 'version: what\r\n' } },
      },
    },
  );
  try {
    checks.same('a policy in mode testing stops nothing', await fate(station, '-', 'moved'), 'delivered');
    checks.same(
      'one that names another host vouches for none',
      await fate(station, 'required', 'moved'),
      '5.7.10',
    );
    // Haraka would not ask again so soon for one that it has just fetched; the one that it finds on disk is older.
    await station.lab.haraka.restart();
    station.lab.policyHost('moved.example').setBody(policyOf('mx.moved.example'));
    checks.same(
      'a newer one counts before it is returned',
      await fate(station, 'required', 'moved'),
      'delivered',
    );
    for (const peer of ['lapsed', 'garbled'])
      checks.same(
        `a policy that cannot be had (${peer}) is waited for`,
        await fate(station, 'required', peer),
        'deferred',
      );
  } finally {
    await station.stop();
  }
}

/** What the network or a busy host does to a handshake is no ground to return a message. */
async function troubles(checks: Checks): Promise<void> {
  const passing = ['starttls-454', 'starttls-close', 'handshake-close', 'close-after-handshake'] as const;
  const lasting = ['starttls-554', 'handshake-garbage'] as const;
  const station = await startStation(
    { retryIntervals: '5s*6' },
    {
      domains: Object.fromEntries(
        [...passing, ...lasting].map((kind) => [
          `${kind}.example`,
          { dnssec: 'secure' as const, mx: [{ behaviour: [kind, offering] }] },
        ]),
      ),
    },
  );
  try {
    const settled = async (peer: string): Promise<string> => {
      const { id } = await station.send({ as: 'auto', ask: 'required', to: `rcpt@${peer}.example` });
      return (await station.lab.outcome(id, { wanted: 'settled', timeoutMs: 60_000 })).status;
    };
    for (const kind of passing) checks.same(`${kind} passes`, await settled(kind), 'delivered');
    for (const kind of lasting) checks.same(`${kind} does not`, await settled(kind), 'bounced');
  } finally {
    await station.stop();
  }
}

/** Whether mail to a peer fails is said of what its rule asks for, and not of what one sender does. */
async function news(checks: Checks): Promise<void> {
  const station = await startStation();
  try {
    for (const [ask, peer, expected] of [
      ['required', 'dane-bare', '5.7.30'],
      ['required', 'plain', '5.7.10'],
      ['-', 'plain', 'delivered'],
      ['-', 'dane-wrong', 'deferred'],
      ['no', 'dane-wrong', 'delivered'],
      ['-', 'dane-wrong', 'deferred'],
    ] as const)
      checks.same(`${ask} to ${peer}`, await fate(station, ask, peer), expected);
    const said = station.lab.haraka.logLines.flatMap(
      (line) => /mail to \S+ is (?:held up|returned|delivered again)/.exec(line)?.[0] ?? [],
    );
    checks.same('one peer is said to fail, once', said, ['mail to dane-wrong.example is held up']);
  } finally {
    await station.stop();
  }
}

/** A domain is told nothing of sessions with mail whose sender asks for more or for less. */
async function reports(checks: Checks): Promise<void> {
  const who = '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\n';
  const station = await startStation({
    config: { 'tls-peers.ini': `[inbound]\nrequiretls = true\n${who}` },
  });
  try {
    for (const [ask, peer] of [
      ['no', 'dane-wrong'],
      ['no', 'sts'],
      ['required', 'signed'],
      ['required', 'sts-other'],
      ['-', 'dane'],
    ] as const)
      await fate(station, ask, peer);
    const directory = path.join(station.lab.haraka.directory, 'tls-reports');
    let told = '';
    // What is counted is written every few seconds, in its order: the last is there when all are.
    for (const began = Date.now(); !told.includes('mx.dane.example') && Date.now() - began < 30_000;) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      told = textBelow(directory);
    }
    checks.hold('a session with other mail is counted', told.includes('mx.dane.example'), told);
    for (const peer of ['dane-wrong', 'sts', 'signed', 'sts-other'])
      checks.hold(
        `nothing is counted of ${peer}.example`,
        !new RegExp(`[^-\\w]${peer}\\.example`).test(told),
        told,
      );
  } finally {
    await station.stop();
  }
}

function textBelow(directory: string): string {
  if (!existsSync(directory)) return '';
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
}
