/** What a client hears, and that a refusal which somebody takes back does not become a message that is sent untagged. */
import type { Checks } from './checks';
import { startStation, type Station } from './station';

const askers = `
exports.register = function () { this.register_hook('deny', 'takeBack'); };
exports.takeBack = (next, connection, [, , , , , hook]) => {
  const user = String(connection.transaction?.mail_from.user ?? '');
  next(user.startsWith('lenient') && user.split('-').includes(hook) ? OK : CONT);
};`;

export async function takingIn(checks: Checks): Promise<void> {
  const station = await startStation({ plugins: ['tls', 'askers', 'tls-peers'], ownPlugins: { askers } });
  try {
    await atMail(checks, station);
    await inTheHeader(checks, station);
    await takenBack(checks, station);
  } finally {
    await station.stop();
  }
  await switchedOff(checks);
  for (const kind of ['smtp_forward', 'smtp_proxy'] as const)
    for (const client of ['own', 'stranger'] as const) await pastTheQueue(checks, kind, client);
}

async function atMail(checks: Checks, station: Station): Promise<void> {
  const to = 'rcpt@dane.example';
  const plain = await station.send({ as: 'auto', ask: 'required', to, tls: false });
  checks.hold('the keyword is not offered without TLS', !/REQUIRETLS/.test(plain.heard.ehlo), plain.heard);
  checks.hold('the parameter is refused without TLS', plain.heard.mail.startsWith('530 5.7.10'), plain.heard);
  const secured = await station.send({ as: 'auto', ask: 'required', to });
  checks.hold(
    'the keyword is offered within TLS',
    /^250[- ]REQUIRETLS$/m.test(secured.heard.ehlo),
    secured.heard,
  );
  await station.lab.outcome(secured.id);
  const message = station.lab.peer('mx.dane.example').messages.find(({ id }) => id === secured.id);
  checks.hold(
    'Received says so',
    /with ESMTPS id \S+ \(requiretls\)/.test(message?.data ?? ''),
    message?.data,
  );
  const untagged = await station.send({ as: 'auto', ask: '-', to });
  await station.lab.outcome(untagged.id);
  const other = station.lab.peer('mx.dane.example').messages.find(({ id }) => id === untagged.id);
  checks.hold(
    'Received of other mail does not',
    !/requiretls/i.test(other?.data ?? 'requiretls'),
    other?.data,
  );
  for (const [parameters, code] of [
    [' REQUIRETLS=x', '501'],
    [' REQUIRETLS=', '501'],
    [' requiretls', '250'],
    [' SIZE=200 REQUIRETLS', '250'],
  ] as const) {
    const { heard } = await station.send({ as: 'auto', ask: '-', to, parameters });
    checks.hold(`MAIL with${parameters} is answered ${code}`, heard.mail.startsWith(code), heard);
  }
}

async function inTheHeader(checks: Checks, station: Station): Promise<void> {
  // Of a peer whose DANE fails: only mail that sets it aside goes through.
  const cases = [
    ['TLS-Required: No\r\n', 'delivered'],
    ['tls-required:  NO \r\n', 'delivered'],
    ['TLS-Required: No\r\nTLS-Required: no\r\n', 'delivered'],
    ['TLS-Required: No\r\nTLS-Required: Yes\r\n', 'deferred'],
    ['TLS-Required: Yes\r\n', 'deferred'],
    ['TLS-Required:\r\n', 'deferred'],
    ['X-TLS-Required: No\r\n', 'deferred'],
  ] as const;
  for (const [header, expected] of cases) {
    const { id } = await station.send({ as: 'auto', ask: '-', to: 'rcpt@dane-wrong.example', header });
    const { status } = await station.lab.outcome(id);
    checks.same(`${JSON.stringify(header)}: ${expected}`, status, expected);
  }
  const ignored = station.lab.haraka.logLines.filter((line) =>
    /TLS-Required header field is ignored/.test(line),
  );
  checks.same('what is ignored is logged', ignored.length, 3);
}

async function takenBack(checks: Checks, station: Station): Promise<void> {
  const send = (sender: string, peer: string) =>
    station.send({
      as: 'auto',
      ask: 'required',
      sender: `${sender}@auto.ours.example`,
      to: `rcpt@${peer}.example`,
      tls: false,
    });
  const atRcpt = await send('lenient-mail', 'dane');
  checks.hold(
    'taken back at MAIL, it is refused at RCPT',
    atRcpt.heard.recipients[0]?.startsWith('530') === true,
    atRcpt.heard,
  );
  const atQueue = await send('lenient-mail-rcpt', 'dane');
  checks.hold(
    'taken back there, it is refused in the end',
    atQueue.heard.message.startsWith('550 5.7.10'),
    atQueue.heard,
  );
  const all = 'lenient-mail-rcpt-queue_outbound';
  const bare = await send(all, 'plain-bare');
  const outcome = await station.lab.outcome(bare.id);
  checks.same(
    'taken back everywhere, it bounces where REQUIRETLS is not met',
    outcome.recipients[0]?.dsn_status,
    '5.7.10',
  );
  const good = await send(all, 'dane');
  checks.same('and is sent where it is', (await station.lab.outcome(good.id)).status, 'delivered');
  const mails = station.mails(`${all}@auto.ours.example`);
  checks.hold('with the parameter', mails.length === 1 && / REQUIRETLS/.test(mails[0] ?? ''), mails);
}

async function switchedOff(checks: Checks): Promise<void> {
  const station = await startStation({ config: { 'tls-peers.ini': '' } });
  try {
    const { heard } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane.example' });
    checks.hold(
      'switched off, which is the default, it is not offered',
      !/REQUIRETLS/.test(heard.ehlo),
      heard,
    );
    checks.hold('and refused', heard.mail.startsWith('555 5.5.4'), heard);
    const other = await station.send({ as: 'auto', ask: '-', to: 'rcpt@dane.example' });
    checks.same('other mail goes as ever', (await station.lab.outcome(other.id)).status, 'delivered');
  } finally {
    await station.stop();
  }
}

const strange = `
exports.register = function () { this.register_hook('connect', 'estrange', 200); };
exports.estrange = (next, connection) => { connection.relaying = false; next(); };`;

async function pastTheQueue(
  checks: Checks,
  kind: 'smtp_forward' | 'smtp_proxy',
  client: 'own' | 'stranger',
): Promise<void> {
  const ini = 'enable_outbound=true\nhost=smart.example\nport=25\n';
  const station = await startStation(
    {
      plugins: ['tls', `queue/${kind}`, 'tls-peers', ...(client === 'stranger' ? ['strange'] : [])],
      ownPlugins: { strange },
      config: { [`${kind}.ini`]: ini },
    },
    { domains: { 'smart.example': { implicit: {} } } },
  );
  try {
    const { heard } = await station.send({ as: 'soft', ask: 'required', to: 'rcpt@dane.example' });
    const refusal = [heard.mail, ...heard.recipients, heard.message].find((reply) => reply.startsWith('5'));
    checks.hold(
      `${kind} gets none of a client (${client}): 5.7.30`,
      refusal?.startsWith('550 5.7.30') === true,
      heard,
    );
    checks.same(`and was not asked by ${client}`, station.lab.peer('smart.example').messages.length, 0);
    const other = await station.send({ as: 'soft', ask: '-', to: 'rcpt@dane.example' });
    checks.hold(`${kind} takes other mail of ${client}`, other.heard.message.startsWith('250'), other.heard);
  } finally {
    await station.stop();
  }
}
