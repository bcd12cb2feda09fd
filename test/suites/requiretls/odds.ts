/** What else may happen to a tagged message on its way: one host of many, other plugins, odd senders, files that somebody edited. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Checks } from './checks';
import { startStation, type Station } from './station';

export async function odds(checks: Checks): Promise<void> {
  await alwaysSplit(checks);
  await keptSessions(checks);
  await nullSenders(checks);
  await oddBounces(checks);
  await otherPlugins(checks);
  await editedFiles(checks);
}

const isTagged = (mail: string): boolean => /^TLS .* REQUIRETLS( |$)/.test(mail);

/** The MAIL command of the bounce that is about message `id`, and what it says. */
async function bounceOf(station: Station, id: string): Promise<{ mail: string; data: string }> {
  const peer = station.lab.peer('mx.ours.example');
  const isIt = ({ from, data }: { from: string; data: string }) => from === '' && data.includes(id);
  await peer.until(({ messages }) => messages.some(isIt), 30_000);
  const at = peer.messages.filter(({ from }) => from === '').findIndex(isIt);
  return { mail: station.mails('')[at] ?? 'none', data: peer.messages.find(isIt)?.data ?? '' };
}

async function alwaysSplit(checks: Checks): Promise<void> {
  const station = await startStation({ dsn: 'send', outbound: { always_split: 'true' } });
  try {
    const { id, sender } = await station.send({
      as: 'auto',
      ask: 'required',
      to: ['a@dane.example', 'b@dane.example', 'c@second.example', 'd@dane-bare.example', 'e@plain.example'],
      parameters: ' RET=FULL REQUIRETLS',
    });
    for (const domain of ['dane.example', 'second.example', 'dane-bare.example', 'plain.example'])
      await station.lab.outcome(id, { domain, wanted: 'settled', timeoutMs: 30_000 });
    const mails = station.mails(sender);
    checks.hold(
      'split by recipient, each part is tagged',
      mails.length === 3 && mails.every(isTagged),
      mails,
    );
    const peer = station.lab.peer('mx.ours.example');
    const bounces = () => peer.messages.filter(({ from, data }) => from === '' && data.includes(id));
    await peer.until(() => bounces().length >= 2, 30_000);
    checks.same(
      'hosts that do not offer it, or for which nobody vouches, get none of it: one bounce for each',
      bounces()
        .map(({ data }) => /^Status: (\S+)/m.exec(data)?.[1])
        .sort(),
      ['5.7.10', '5.7.30'],
    );
    checks.hold(
      'both are tagged',
      station.mails('').length === 2 && station.mails('').every(isTagged),
      station.mails(''),
    );
    checks.hold(
      'RET=FULL is disregarded',
      bounces().every(({ data }) => !data.includes('The body of')),
    );
  } finally {
    await station.stop();
  }
}

async function keptSessions(checks: Checks): Promise<void> {
  const station = await startStation();
  const { lab } = station;
  const send = async (as: string, ask: '-' | 'required', peer: string) => {
    const sent = await station.send({ as, ask, to: `rcpt@${peer}.example` });
    const { status, recipients } = await lab.outcome(sent.id);
    return { ...sent, fate: status === 'bounced' ? recipients[0]?.dsn_status : status };
  };
  try {
    for (const [peer, expected] of [
      ['signed-selfmade', '5.7.10'],
      ['plain', '5.7.10'],
      ['notls', '5.7.10'],
      ['liar', '5.7.30'],
      ['dane', 'delivered'],
    ] as const) {
      await send('opportunistic', '-', peer);
      const { fate, sender } = await send('opportunistic', 'required', peer);
      checks.same(`behind other mail to ${peer}`, fate, expected);
      const mails = station.mails(sender);
      checks.hold('tagged or not at all', mails.every(isTagged), mails);
      const behind = await send('opportunistic', '-', peer);
      checks.same(`other mail to ${peer} goes behind it`, behind.fate, 'delivered');
      const others = station.mails(behind.sender);
      checks.hold(
        'without the parameter',
        others.length === 1 && !/REQUIRETLS/.test(others[0] ?? ''),
        others,
      );
    }
  } finally {
    await station.stop();
  }
}

async function nullSenders(checks: Checks): Promise<void> {
  const station = await startStation({ dsn: 'send' });
  try {
    for (const [peer, expected] of [
      ['dane', 'delivered'],
      ['dane-bare', 'delivered'],
      ['plain', 'deferred'],
      ['notls', 'deferred'],
      ['refusing', 'bounced'],
    ] as const) {
      const { id } = await station.send({
        as: 'auto',
        ask: 'required',
        sender: '',
        to: `rcpt@${peer}.example`,
      });
      checks.same(`the null sender to ${peer}`, (await station.lab.outcome(id)).status, expected);
    }
    const mails = station.mails('');
    checks.same(
      'with the parameter where it is offered, and without elsewhere',
      mails.map((mail) => mail.replace(/^(\S+) MAIL FROM:<>.*?( REQUIRETLS)?$/, '$1$2')).sort(),
      ['TLS', 'TLS REQUIRETLS', 'TLS REQUIRETLS'],
    );
  } finally {
    await station.stop();
  }
}

async function oddBounces(checks: Checks): Promise<void> {
  const station = await startStation({ dsn: 'send', retryIntervals: '5s*6' });
  try {
    for (const local of ['"odd name"', "o'brien+x=y", '"a@b"', 'a%b', 'postmaster']) {
      const sender = `${local}@auto.ours.example`;
      const { id, heard } = await station.send({
        as: 'auto',
        ask: 'required',
        sender,
        to: 'rcpt@plain-bare.example',
      });
      if (!heard.message.startsWith('250')) {
        checks.hold(`${sender} is refused`, true);
        continue;
      }
      const { mail, data } = await bounceOf(station, id);
      checks.hold(`the bounce to ${sender} is tagged`, isTagged(mail), mail);
      const { to } = station.lab.peer('mx.ours.example').messages.find((one) => one.data === data) ?? {
        to: [],
      };
      checks.same('and goes there', to, [sender]);
    }
    const bodies = [
      ['without an empty line', 'none of the header, secret\r\nand secret again\r\n'],
      ['behind a broken header', ': secret\r\n\r\n'],
    ] as const;
    for (const [how, header] of bodies) {
      const { id } = await station.send({
        as: 'auto',
        ask: 'required',
        to: 'rcpt@plain-bare.example',
        header,
      });
      const { data } = await bounceOf(station, id);
      checks.hold(`nothing of a body ${how}`, !/The body of|and secret again/.test(data), data);
    }
    const later = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@later.example' });
    await station.lab.outcome(later.id);
    station.lab
      .peer('mx.later.example')
      .setBehaviour([{ secured: { ehlo: { do: 'reply', text: '250-peer\r\n250 8BITMIME\r\n' } } }]);
    await station.lab.haraka.restart('SIGKILL');
    const { mail, data } = await bounceOf(station, later.id);
    checks.hold('a bounce behind SIGKILL is tagged', isTagged(mail), mail);
    checks.hold('and says why', /Status: 5\.7\.30/.test(data), data);
  } finally {
    await station.stop();
  }
}

/** One that adds recipients as an alias does, throws notes away, writes them anew, and wants no bounces. */
async function otherPlugins(checks: Checks): Promise<void> {
  const plugin = `
exports.register = function () {
  this.register_hook('data_post', 'meddle', -50);
  this.register_hook('bounce', 'silence', -200);
};
exports.meddle = (next, { transaction }) => {
  const [one] = transaction.rcpt_to;
  if (one.user === 'list') {
    transaction.rcpt_to = ['a@dane.example', 'b@signed.example'].map((to) => new one.constructor('<' + to + '>'));
  }
  if (one.user === 'forgetful') {
    delete transaction.notes.tls_peers_requiretls;
  }
  if (one.user === 'forger') transaction.notes.tls_peers_requiretls = 'optional';
  next();
};
exports.silence = (next, hmail) => next(hmail.todo.rcpt_to[0].user === 'silent' ? OK : CONT);`;
  const station = await startStation({
    dsn: 'send',
    plugins: ['meddler', 'tls', 'tls-peers'],
    ownPlugins: { meddler: plugin },
  });
  try {
    const list = await station.send({ as: 'auto', ask: 'required', to: 'list@plain.example' });
    for (const domain of ['dane.example', 'signed.example'])
      await station.lab.outcome(list.id, { domain, wanted: 'settled' });
    const mails = station.mails(list.sender);
    checks.hold('all copies of an alias are tagged', mails.length === 2 && mails.every(isTagged), mails);
    for (const user of ['forgetful', 'forger']) {
      const sent = await station.send({ as: 'auto', ask: 'required', to: `${user}@dane.example` });
      await station.lab.outcome(sent.id);
      const heard = station.mails(sent.sender);
      checks.hold(
        `a plugin that is ${user} takes nothing away`,
        heard.length === 1 && heard.every(isTagged),
        heard,
      );
    }
    const silent = await station.send({ as: 'auto', ask: 'required', to: 'silent@plain.example' });
    await station.lab.haraka.waitForLog(/Plugin responded with: .*Not sending bounce/, { timeoutMs: 20_000 });
    checks.same('a plugin that wants no bounce gets none', station.mails('').length, 0);
    checks.hold('and the message is gone', silent.heard.message.startsWith('250'));
  } finally {
    await station.stop();
  }
}

/** Nothing but the suite writes the note; what it cannot read asks for the most. */
async function editedFiles(checks: Checks): Promise<void> {
  const station = await startStation({ retryIntervals: '5s*6' });
  const { lab } = station;
  try {
    const values = [true, null, 'REQUIRED', { a: 1 }, 'no', ''];
    const sent = [];
    for (const value of values)
      sent.push({
        value,
        ...(await station.send({ as: 'soft', ask: 'required', to: 'rcpt@later.example' })),
      });
    for (const { id } of sent) await lab.outcome(id);
    await lab.haraka.stop();
    for (const { value, sender } of sent) edit(path.join(lab.haraka.directory, 'queue'), sender, value);
    await lab.haraka.restart();
    for (const { value, id, sender } of sent) {
      await lab.outcome(id, { wanted: 'settled', timeoutMs: 60_000 });
      const mails = station.mails(sender);
      checks.hold(`with ${JSON.stringify(value)} for a note it stays tagged`, mails.every(isTagged), mails);
    }
  } finally {
    await station.stop();
  }
}

function edit(queue: string, sender: string, value: unknown): void {
  for (const name of readdirSync(queue)) {
    const file = path.join(queue, name);
    const octets = readFileSync(file);
    const length = octets.readUInt32BE(0);
    const todo = octets.subarray(4, 4 + length).toString('utf8');
    if (!todo.includes(sender.split('@')[0] ?? '')) continue;
    const notes = JSON.parse(todo) as { notes: Record<string, unknown> };
    notes.notes['tls_peers_requiretls'] = value;
    const changed = Buffer.from(`\n${JSON.stringify(notes)}\n`);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(changed.length, 0);
    writeFileSync(file, Buffer.concat([head, changed, octets.subarray(4 + length)]));
  }
}
