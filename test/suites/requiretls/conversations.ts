/** Clients that say it at another time, in another way, or in a header that is none: tagged or refused, and never sent untagged. */
import { randomUUID } from 'node:crypto';
import { stuffed } from '../../../haraka-test-harness/smtp_client';
import type { Checks } from './checks';
import { converse } from './client';
import { startStation, type Station } from './station';

const secured = ['EHLO client.example', 'STARTTLS', 'EHLO client.example'];

export async function conversations(checks: Checks): Promise<void> {
  const station = await startStation();
  try {
    await inOneSession(checks, station);
    await otherSpellings(checks, station);
    await otherHeaders(checks, station);
  } finally {
    await station.stop();
  }
  await strangers(checks);
}

interface Said {
  readonly sender: string;
  readonly id: string;
  readonly lines: readonly string[];
}

let count = 0;

/** The commands of one message to dane.example. */
function message(parameters: string, header = ''): Said {
  const [sender, id] = [`c${(count += 1)}@auto.ours.example`, randomUUID()];
  const data = `Lab-Message-Id: ${id}\r\n${header}Subject: hello\r\n\r\nhello\r\n`;
  const lines = [
    `MAIL FROM:<${sender}>${parameters}`,
    'RCPT TO:<rcpt@dane.example>',
    'DATA',
    `${stuffed(data)}.`,
  ];
  return { sender, id, lines };
}

/** `required` or `untagged`, as the peer heard it. */
async function asSent(station: Station, { sender, id }: Said): Promise<string> {
  const { status } = await station.lab.outcome(id, { timeoutMs: 30_000 });
  const heard = station.mails(sender);
  if (status !== 'delivered' || heard.length !== 1) return `${status} ${heard.join('; ')}`;
  return / REQUIRETLS( |$)/.test(heard[0] ?? '') ? 'required' : 'untagged';
}

async function inOneSession(checks: Checks, station: Station): Promise<void> {
  const { port } = station.lab.haraka;
  const before = message(' REQUIRETLS');
  const heard = await converse(port, [
    'EHLO client.example',
    `MAIL FROM:<${before.sender}> REQUIRETLS`,
    ...secured.slice(1),
    ...before.lines,
  ]);
  checks.same(
    'refused before STARTTLS, taken after it',
    [heard[1], heard[4]].map((reply) => reply?.slice(0, 3)),
    ['530', '250'],
  );
  checks.same('and sent so', await asSent(station, before), 'required');

  const [first, second, third] = [message(' REQUIRETLS'), message(''), message(' REQUIRETLS')];
  await converse(port, [...secured, ...first.lines, ...second.lines, ...third.lines]);
  for (const [said, expected] of [
    [first, 'required'],
    [second, 'untagged'],
    [third, 'required'],
  ] as const)
    checks.same(`each message of a session for itself: ${expected}`, await asSent(station, said), expected);

  const afterReset = message('');
  await converse(port, [
    ...secured,
    'MAIL FROM:<reset@auto.ours.example> REQUIRETLS',
    'RSET',
    ...afterReset.lines,
  ]);
  checks.same('RSET takes it back', await asSent(station, afterReset), 'untagged');
  const afterRefusal = message('');
  await converse(port, [
    ...secured,
    'MAIL FROM:<refused@auto.ours.example> REQUIRETLS=x',
    ...afterRefusal.lines,
  ]);
  checks.same('and so does a refusal', await asSent(station, afterRefusal), 'untagged');
  const byHelo = message(' REQUIRETLS');
  await converse(port, ['EHLO client.example', 'STARTTLS', 'HELO client.example', ...byHelo.lines]);
  checks.same('also behind HELO', await asSent(station, byHelo), 'required');
}

const spellings = [
  ' ReQuIrEtLs',
  ' REQUIRETLS REQUIRETLS',
  ' REQUIRETLS requiretls=x',
  ' REQUIRETLS=x REQUIRETLS',
  '  REQUIRETLS',
  '\tREQUIRETLS',
  ' REQUIRETLS ',
  ' BODY=8BITMIME SIZE=1000 REQUIRETLS',
  ' REQUIRETLS RET=FULL ENVID=1',
  ' REQUIRETLS\u00a0',
  ' REQUIRETLS,SIZE=1',
  'REQUIRETLS',
] as const;

async function otherSpellings(checks: Checks, station: Station): Promise<void> {
  for (const parameters of spellings) {
    const said = message(parameters);
    const heard = await converse(station.lab.haraka.port, [...secured, said.lines[0] ?? '']);
    const reply = heard.at(-1) ?? '';
    if (/^5/.test(reply)) {
      checks.hold(`MAIL with ${JSON.stringify(parameters)} is refused`, true);
      continue;
    }
    await converse(station.lab.haraka.port, [...secured, ...said.lines]);
    checks.same(
      `MAIL with ${JSON.stringify(parameters)} is sent so`,
      await asSent(station, said),
      'required',
    );
  }
  const other = message(' XREQUIRETLS');
  const heard = await converse(station.lab.haraka.port, [...secured, ...other.lines]);
  if (heard[3]?.startsWith('250'))
    checks.same('another parameter is no REQUIRETLS', await asSent(station, other), 'untagged');
}

async function otherHeaders(checks: Checks, station: Station): Promise<void> {
  // Of a peer whose DANE fails: only mail that sets it aside goes through.
  const cases = [
    ['folded', 'TLS-Required:\r\n No\r\n', 'delivered'],
    ['folded with a tab, and space behind', 'TLS-Required:\r\n\tno \r\n', 'delivered'],
    [
      'with 8-bit fields around it',
      'X-Name: gr\u00fc\u00df\r\nTLS-Required: No\r\nX-Last: \u00e4\r\n',
      'delivered',
    ],
    ['three times', 'TLS-Required: No\r\nX-A: b\r\nTLS-Required: NO\r\nTLS-REQUIRED: no\r\n', 'delivered'],
    ['with a comment', 'TLS-Required: No (please)\r\n', 'deferred'],
    ['as an encoded word', 'TLS-Required: =?utf-8?Q?No?=\r\n', 'deferred'],
    ['in 8-bit', 'TLS-Required: N\u00f6\r\n', 'deferred'],
    ['a list', 'TLS-Required: No, No\r\n', 'deferred'],
    ['folded into another field', 'Comments: a\r\n TLS-Required: No\r\n', 'deferred'],
    ['in the body', 'X-Last: a\r\n\r\nTLS-Required: No\r\n', 'deferred'],
    [
      'in an attached message',
      'MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nTLS-Required: No\r\n',
      'deferred',
    ],
  ] as const;
  for (const [how, header, expected] of cases) {
    const { id } = await station.send({ as: 'auto', ask: '-', to: 'rcpt@dane-wrong.example', header });
    checks.same(`TLS-Required: No ${how}: ${expected}`, (await station.lab.outcome(id)).status, expected);
  }
}

/** A server that passes on what strangers send. */
const gateway = `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'admit');
  this.register_hook('queue', 'pass');
};
exports.admit = (next) => next(OK);
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.pass = function (next, connection) {
  this.haraka_require('outbound').send_trans_email(connection.transaction, next);
};`;

async function strangers(checks: Checks): Promise<void> {
  const station = await startStation({
    plugins: ['tls', 'gateway', 'tls-peers'],
    ownPlugins: { gateway },
  });
  try {
    const { lab } = station;
    await station.send({ as: 'auto', ask: 'no', to: 'rcpt@dane-wrong.example' });
    const deferred = await lab.haraka.waitForLog(/tls-peers deferred .*peer=dane-wrong\.example/);
    checks.hold(
      'the header of a client that may not relay sets nothing aside',
      deferred.includes('level=auto') && !deferred.includes('requiretls'),
      deferred,
    );
    const tagged = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane.example' });
    await lab.haraka.waitForLog(/tls-peers delivered .*peer=dane\.example.*requiretls=required/);
    const mails = station.mails(tagged.sender);
    checks.hold(
      'but what it asks for at MAIL is kept',
      mails.length === 1 && / REQUIRETLS$/.test(mails[0] ?? ''),
      mails,
    );
    await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane-bare.example' });
    const bounced = await lab.haraka.waitForLog(/tls-peers bounced .*peer=dane-bare\.example/);
    checks.hold('also where it cannot be met', bounced.includes('requiretls-not-offered'), bounced);
  } finally {
    await station.stop();
  }
}
