/**
 * Many tagged messages at once, and the process killed again and again in the middle of it: none is ever said untagged, and each
 * recipient has the message or the sender a bounce that is tagged. One that was killed between a host's 250 and the end of its queue
 * file is sent twice, as with any server.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Checks } from './checks';
import { startStation, type Ask, type Sent, type Station } from './station';

interface Waiting extends Sent {
  readonly ask: Ask;
  readonly to: readonly string[];
}

const kills = 4;
const perRound = 12;
const targets: readonly (readonly string[])[] = [
  ['rcpt@dane.example'],
  ['rcpt@second.example'],
  ['rcpt@later.example'],
  ['ok@mixed.example', 'slow@mixed.example', 'nobody@mixed.example', 'rcpt@signed.example'],
  ['rcpt@plain-bare.example'],
  ['rcpt@dane-bare.example', 'rcpt@sts.example'],
];

export async function storm(checks: Checks): Promise<void> {
  const station = await startStation({ dsn: 'send', retryIntervals: '5s*4' });
  try {
    const taken: Waiting[] = [];
    for (let round = 0; round <= kills; round++) {
      const sending = Array.from({ length: perRound }, (_, at) => sendOne(station, round * perRound + at));
      // The first of them are on their way when it comes.
      const some = await Promise.all(sending.slice(0, perRound / 2));
      const rest = Promise.all(sending.slice(perRound / 2));
      if (round < kills) await station.lab.haraka.restart('SIGKILL');
      taken.push(...[...some, ...(await rest)].flatMap((one) => one ?? []));
    }
    checks.hold(`${taken.length} messages were taken over ${kills} kills`, taken.length >= kills * 6);
    const queue = path.join(station.lab.haraka.directory, 'queue');
    for (const began = Date.now(); left(queue).length > 0 && Date.now() - began < 120_000;)
      await new Promise((resolve) => setTimeout(resolve, 250));
    checks.same('nothing is left in the queue', left(queue), []);
    judge(checks, station, taken);
  } finally {
    await station.stop();
  }
}

/** @returns `undefined` where it was not taken */
async function sendOne(station: Station, number: number): Promise<Waiting | undefined> {
  const to = targets[number % targets.length] ?? [];
  const ask = number % 4 === 3 ? '-' : 'required';
  try {
    const sent = await station.send({ as: 'auto', ask, to });
    return sent.heard.message.startsWith('250') ? { ...sent, ask, to } : undefined;
  } catch {
    // Killed in the middle of it: the client has to send it again, and knows.
    return undefined;
  }
}

/** Files of messages; those that begin with a dot were never whole. */
function left(queue: string): string[] {
  return readdirSync(queue).filter((name) => /^\d+_/.test(name));
}

function judge(checks: Checks, station: Station, taken: readonly Waiting[]): void {
  const { lab } = station;
  const bounces = lab.peer('mx.ours.example').messages.filter(({ from }) => from === '');
  const fates = new Map<string, number>();
  const count = (fate: string): void => void fates.set(fate, (fates.get(fate) ?? 0) + 1);
  const lost: string[] = [];
  const both: string[] = [];
  for (const { id, to } of taken) {
    for (const one of to) {
      const times = lab.peers.reduce(
        (sum, peer) => sum + peer.messages.filter((sent) => sent.id === id && sent.to.includes(one)).length,
        0,
      );
      const isReturned = bounces.some(
        ({ data }) => data.includes(id) && data.includes(`Final-Recipient: rfc822;${one}`),
      );
      count(isReturned ? 'returned' : times === 1 ? 'once' : times > 1 ? 'twice, over a kill' : 'lost');
      if (!isReturned && times === 0) lost.push(`${id} to ${one}`);
      if (isReturned && times > 0) both.push(`${id} to ${one}`);
    }
  }
  const told = [...fates].map(([fate, times]) => `${times} ${fate}`).join(', ');
  checks.same(`every recipient has it, or the sender was told (${told})`, lost, []);
  checks.same('and not both', both, []);
  const tagged = taken.filter(({ ask }) => ask === 'required').flatMap(({ sender }) => station.mails(sender));
  const untagged = tagged.filter((mail) => !/^TLS .* REQUIRETLS( |$)/.test(mail));
  checks.same(`none of ${tagged.length} MAIL commands was said without it`, untagged, []);
  const others = taken.filter(({ ask }) => ask === '-').flatMap(({ sender }) => station.mails(sender));
  checks.hold(
    `and none of ${others.length} of other mail with it`,
    others.length > 0 && !others.some((mail) => mail.includes('REQUIRETLS')),
    others,
  );
  const returned = lab.peer('mx.ours.example').connections.flatMap(({ messages, encrypted }) => {
    const mails = encrypted.split('\r\n').filter((line) => line.startsWith('MAIL FROM:<>'));
    return messages
      .filter(({ from }) => from === '')
      .map(({ data }, at) => ({ data, mail: mails[at] ?? '' }));
  });
  // Of messages, too, whose client did not hear any more that they were taken.
  const wrong = returned
    .filter(({ data, mail }) => data.includes('(requiretls)') !== / REQUIRETLS( |$)/.test(mail))
    .map(({ mail }) => mail);
  checks.hold(
    `each of ${returned.length} bounces is tagged as its message was, and has nothing of the body`,
    returned.length > 0 && wrong.length === 0 && !returned.some(({ data }) => data.includes('The body of')),
    wrong,
  );
}
