/** Carries the table out, and holds what happened to it. */
import type { Checks } from './checks';
import { cases, type Case, type Fate } from './cases';
import type { Station } from './station';

export async function runCases(station: Station, checks: Checks): Promise<void> {
  // Few at a time: each waits for a processor that others use.
  for (let at = 0; at < cases.length; at += 8) {
    const part = cases.slice(at, at + 8);
    const results = await Promise.all(part.map((one) => runCase(station, one)));
    results.forEach(({ seen, text }, index) => {
      const one = part[index];
      if (one !== undefined) checks.hold(one.join(' '), seen === one[3], `${seen}: ${text}`);
    });
  }
}

async function runCase(
  station: Station,
  [as, ask, peer]: Case,
): Promise<{ seen: Fate | 'odd'; text: string }> {
  const { id, sender, heard } = await station.send({ as, ask, to: `rcpt@${peer}.example` });
  if (!heard.message.startsWith('250')) return { seen: 'odd', text: JSON.stringify(heard) };
  const outcome = await station.lab.outcome(id, { timeoutMs: 60_000 });
  const mails = station.mails(sender);
  const status = outcome.recipients[0]?.['dsn_status'];
  const text = `${outcome.status} ${String(status)} ${outcome.error} ${mails.join('; ')}`;
  if (outcome.status === 'bounced') {
    const isOurs = status === '5.7.30' || status === '5.7.10';
    return { seen: isOurs && mails.length === 0 ? status : 'bounced', text };
  }
  if (outcome.status === 'deferred') return { seen: mails.length === 0 ? 'deferred' : 'odd', text };
  const [mail, ...more] = mails;
  if (mail === undefined || more.length > 0) return { seen: 'odd', text };
  if (mail.startsWith('cleartext')) return { seen: mail.includes('REQUIRETLS') ? 'odd' : 'cleartext', text };
  return { seen: / REQUIRETLS( |$)/.test(mail) ? 'required' : 'tls', text };
}
