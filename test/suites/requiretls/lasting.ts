/** A tag stays through retries, splits, a killed process, workers, a reload, and sessions that carry more than one message. */
import type { Checks } from './checks';
import { startStation, type Station } from './station';

const retryIntervals = '5s*6';
const tagged = (mails: readonly string[]): boolean =>
  mails.every((mail) => /^TLS .* REQUIRETLS( |$)/.test(mail));

export async function lasting(checks: Checks): Promise<void> {
  await overAttempts(checks);
  await overWorkers(checks);
  await onKeptSessions(checks);
}

async function overAttempts(checks: Checks): Promise<void> {
  const station = await startStation({ retryIntervals });
  const { lab } = station;
  try {
    const later = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@later.example' });
    checks.same('the first attempt is put off', (await lab.outcome(later.id)).status, 'deferred');
    await lab.haraka.restart('SIGKILL');
    const { status } = await lab.outcome(later.id, { wanted: 'settled', timeoutMs: 60_000 });
    checks.same('after SIGKILL it is delivered', status, 'delivered');
    const mails = station.mails(later.sender);
    checks.hold('with the parameter each time', mails.length === 2 && tagged(mails), mails);
    checks.same('once', lab.peer('mx.later.example').messages.filter(({ id }) => id === later.id).length, 1);
    const split = await station.send({
      as: 'auto',
      ask: 'required',
      to: ['ok@mixed.example', 'slow@mixed.example', 'nobody@mixed.example', 'rcpt@dane.example'],
    });
    await lab.outcome(split.id, { domain: 'mixed.example', attempt: 3, timeoutMs: 30_000 });
    await lab.outcome(split.id, { domain: 'dane.example', wanted: 'settled', timeoutMs: 30_000 });
    await lab.haraka.restart('SIGKILL');
    await lab.peer('mx.mixed.example').until(() => station.mails(split.sender).length >= 4, 60_000);
    const parts = station.mails(split.sender);
    checks.hold(
      'every part of a split is tagged, through its retries',
      parts.length >= 4 && tagged(parts),
      parts,
    );
    const taken = lab
      .peer('mx.mixed.example')
      .messages.filter(({ id, to }) => id === split.id && to.includes('ok@mixed.example'));
    checks.same('and nobody gets it twice', taken.length, 1);
    await reload(checks, station);
  } finally {
    await station.stop();
  }
}

async function reload(checks: Checks, station: Station): Promise<void> {
  const { lab } = station;
  lab.peer('mx.later.example').setBehaviour([
    {
      secured: { ehlo: { do: 'reply', text: '250-peer\r\n250 REQUIRETLS\r\n' } },
      mail: { do: 'reply', text: '451 4.3.0 later\r\n' },
    },
  ]);
  const { id, sender } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@later.example' });
  await lab.outcome(id);
  await lab.haraka.writeConfig('tls-peers.ini', '[inbound]\nrequiretls = false\n');
  // The files are looked at every second.
  let offer = await station.send({ as: 'auto', ask: '-', to: 'rcpt@dane.example' });
  for (const began = Date.now(); /REQUIRETLS/.test(offer.heard.ehlo) && Date.now() - began < 20_000;)
    offer = await station.send({ as: 'auto', ask: '-', to: 'rcpt@dane.example' });
  checks.hold('a reload takes the offer back', !/REQUIRETLS/.test(offer.heard.ehlo), offer.heard);
  const before = station.mails(sender).length;
  await lab.peer('mx.later.example').until(() => station.mails(sender).length > before, 60_000);
  const mails = station.mails(sender);
  checks.hold('what is in the queue stays tagged when it is no longer offered', tagged(mails), mails);
  const { heard } = await station.send({ as: 'auto', ask: 'required', to: 'rcpt@dane.example' });
  checks.hold('and nothing new is taken in', heard.mail.startsWith('555'), heard);
}

async function overWorkers(checks: Checks): Promise<void> {
  const station = await startStation({ workers: 2 });
  try {
    const sent = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        station.send({
          as: 'auto',
          ask: 'required',
          to: `rcpt@${index % 3 === 0 ? 'plain-bare' : 'dane'}.example`,
        }),
      ),
    );
    const outcomes = await Promise.all(sent.map(({ id }) => station.lab.outcome(id, { timeoutMs: 60_000 })));
    const statuses = outcomes.map(({ status, recipients }) =>
      status === 'bounced' ? recipients[0]?.dsn_status : status,
    );
    checks.same(
      'with workers',
      statuses,
      sent.map((_, index) => (index % 3 === 0 ? '5.7.10' : 'delivered')),
    );
    const mails = sent.flatMap(({ sender }) => station.mails(sender));
    checks.hold('each is sent once, and tagged', mails.length === 8 && tagged(mails), mails);
  } finally {
    await station.stop();
  }
}

async function onKeptSessions(checks: Checks): Promise<void> {
  const station = await startStation();
  try {
    for (const peer of ['dane-bare', 'signed']) {
      const first = await station.send({ as: 'opportunistic', ask: '-', to: `rcpt@${peer}.example` });
      await station.lab.outcome(first.id);
      const second = await station.send({ as: 'auto', ask: 'required', to: `rcpt@${peer}.example` });
      const { status, recipients } = await station.lab.outcome(second.id);
      checks.same(
        `behind other mail on a session with ${peer}`,
        status === 'bounced' ? recipients[0]?.dsn_status : status,
        peer === 'signed' ? 'delivered' : '5.7.30',
      );
      checks.hold('tagged or not at all', tagged(station.mails(second.sender)), station.mails(second.sender));
    }
  } finally {
    await station.stop();
  }
}
