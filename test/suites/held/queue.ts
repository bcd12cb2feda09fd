/**
 * Two workers hold mail for every kind of reason; they are restarted, and killed; the peers mend their ways, and the mail goes.
 * At each step `held` must be what Haraka's own list of the queue says, and in the end `track` what the peers saw.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { World } from '../../../haraka-test-harness/world';
import { keyOf } from '../../../src/queue/file_name';
import { heldIn, queueOf, trackIn, until } from './calls';

const world: World = {
  domains: {
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'broken.example': { mx: [{ behaviour: 'handshake-close' }] },
    'old.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
    'wrong.example': { mx: [{ certificate: 'wrong-name' }] },
    'expired.example': { mx: [{ certificate: 'expired' }] },
    'unknown.example': { mx: [{ certificate: 'untrusted' }] },
    'mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
    'unusable.example': { dnssec: 'secure', mx: [{ tlsa: ['unusable'] }] },
    'nodane.example': {},
    'notnamed.example': { sts: { policy: { mode: 'enforce', mx: ['mx.other.example'] } } },
    'nodns.example': { lookups: { MX: 'servfail' } },
    'bogus.example': { dnssec: 'secure', lookups: { MX: 'bogus' } },
    'later.example': { mx: [{ behaviour: 'rcpt-450' }] },
    'split.example': {
      mx: [{ behaviour: { recipients: { slow: { do: 'reply', text: '450 4.2.1 later\r\n' } } } }],
    },
    'gone.example': { mx: [{ addresses: [{ address: '198.51.100.99', route: 'refused' }] }] },
    'good.example': {},
  },
};

/** What keeps mail to each of them, by the rule that is in force. */
const reasons: Readonly<Record<string, readonly string[]>> = {
  'clear.example': ['starttls-not-supported'],
  'broken.example': ['tls-handshake-failed'],
  'old.example': ['tls-version-too-low', 'tls-handshake-failed'],
  'wrong.example': ['certificate-host-mismatch'],
  'expired.example': ['certificate-expired'],
  'unknown.example': ['certificate-not-trusted'],
  'mismatch.example': ['certificate-not-trusted'],
  'unusable.example': ['tlsa-invalid'],
  'nodane.example': ['dane-required'],
  'notnamed.example': ['mx-not-in-policy'],
  'nodns.example': ['dns-lookup-failed'],
  'bogus.example': ['dnssec-invalid'],
};

const section = (peer: string, ...lines: string[]) => `\n[outbound ${peer}]\n${lines.join('\n')}\n`;

const rules =
  '[outbound]\nsecurity_level = mandatory_dane\n' +
  ['clear.example', 'broken.example', 'later.example', 'split.example', 'gone.example', 'good.example']
    .map((peer) => section(peer, 'security_level = mandatory'))
    .join('') +
  section('old.example', 'security_level = mandatory', 'min_tls_version = 1.3') +
  ['wrong.example', 'expired.example', 'unknown.example']
    .map((peer) => section(peer, 'security_level = verify'))
    .join('') +
  section('notnamed.example', 'security_level = mta_sts');

export async function compareQueue(print: (line: string) => void): Promise<void> {
  const lab = await startLab(world, {
    workers: 2,
    retryIntervals: '60s*40',
    config: {
      'tls-peers.ini': '[evidence]\ntrack = true\n',
      'tls-peers/ours.example.ini': rules,
      'tls-peers/faulty.example.ini': '[outbound]\nsecurity_level = nonsense\n',
    },
  });
  try {
    await run(lab, print);
  } finally {
    await lab.stop();
  }
}

async function run(lab: Lab, print: (line: string) => void): Promise<void> {
  const domains = Object.keys(world.domains).filter((domain) => domain !== 'split.example');
  const send = (from: string, to: string | string[]) => lab.send({ from, to });
  const messages = [
    ...domains.flatMap((domain) => [
      send('me@ours.example', `you@${domain}`),
      send('me@ours.example', [`you@${domain}`, `they@${domain}`]),
    ]),
    send('me@ours.example', ['fast@split.example', 'slow@split.example']),
    send('me@faulty.example', 'you@good.example'),
    send('me@ours.example', ['you@good.example', 'you@clear.example', 'you@wrong.example']),
  ];
  await Promise.all(messages);
  const kinds = new Set(Object.values(reasons).map(([first]) => first)).size + 1;
  await equal(lab, 'held back', print);
  print(`${messages.length} messages, held for ${kinds} reasons`);

  const since = sinceOf(lab);
  await lab.haraka.restart();
  await equal(lab, 'after a restart', print);
  await lab.haraka.restart('SIGKILL');
  await equal(lab, 'after a SIGKILL', print);
  await until(
    () => (heldIn(lab).messages.length > 0 && allRetried(lab) ? true : undefined),
    () => 'not every message was tried again',
    480,
  );
  await equal(lab, 'after another attempt by other processes', print);
  const later = sinceOf(lab);
  for (const [key, when] of later)
    if (since.get(key) !== when)
      throw new Error(`${key} is held since ${since.get(key) ?? '?'}, told is ${when}`);
  print(`since when each of ${later.size} is held did not change`);

  await mend(lab);
  await until(
    () => (queueOf(lab).every(({ domain }) => !mended.includes(domain)) ? true : undefined),
    () => `still in the queue: ${JSON.stringify(queueOf(lab))}`,
    480,
  );
  await equal(lab, 'after some peers mended their ways', print);
  await forgotten(lab);
  print('what was noted of mail that is gone is forgotten');
  compareTrack(lab, print);
}

/** Every queue file, as Haraka lists it, is told with a reason that its peer gives; nothing else is. */
async function equal(lab: Lab, when: string, print: (line: string) => void): Promise<void> {
  let difference = '';
  const { held, all } = await until(
    () => {
      const before = queueOf(lab);
      const told = heldIn(lab);
      // Renamed meanwhile: neither is wrong.
      if (!isDeepStrictEqual(before, queueOf(lab))) {
        difference = 'the queue never stands still';
        return undefined;
      }
      difference = differenceOf(before, told);
      return difference === '' ? { held: told.messages.length, all: before.length } : undefined;
    },
    () => `${when}: ${difference}`,
    240,
  );
  print(`${when}: ${all} in the queue, ${held} held by a rule, all as told`);
}

function differenceOf(queue: ReturnType<typeof queueOf>, told: ReturnType<typeof heldIn>): string {
  const expected = queue.filter(({ domain, sender }) => domain in reasons || sender === 'me@faulty.example');
  const byFile = new Map(told.messages.map((message) => [message.file, message]));
  for (const { file, domain, sender } of expected) {
    const message = byFile.get(file);
    const allowed = sender === 'me@faulty.example' ? ['config-invalid'] : reasons[domain];
    if (message === undefined) return `${domain} is not told: ${file}; ${JSON.stringify(told.otherwise)}`;
    // Where others use the machine, the lab's resolver may be late: that is then the reason.
    const isLate = message.reason === 'dns-lookup-failed';
    if (allowed?.includes(message.reason) !== true && !isLate)
      return `${domain} is told with ${message.reason}`;
    if (message.domain !== domain || message.sender !== sender)
      return `${file} is told as one from ${message.sender} to ${message.domain}`;
  }
  if (told.messages.length !== expected.length)
    return `${told.messages.length} are told instead of ${expected.length}`;
  const others = queue.filter(({ domain }) => !(domain in reasons));
  const count = (...names: string[]) => others.filter(({ domain }) => names.includes(domain)).length;
  const otherwise = {
    reply: count('later.example', 'split.example'),
    notReached: count('gone.example'),
    other: 0,
    untried: 0,
    notKnown: 0,
  };
  if (!isDeepStrictEqual(told.otherwise, otherwise))
    return `otherwise ${JSON.stringify(told.otherwise)}, should be ${JSON.stringify(otherwise)}`;
  // A line that was being written as its process was killed is named, and is no fault.
  const problem = told.problems.find((text) => !text.includes('damaged line'));
  return told.waiting === queue.length ? (problem ?? '') : `${told.waiting} wait instead of ${queue.length}`;
}

function sinceOf(lab: Lab): Map<string, string> {
  return new Map(heldIn(lab).messages.map(({ file, since }) => [keyOf(file), since]));
}

const attemptsOf = (file: string): number => Number(file.split('_')[2]);

function allRetried(lab: Lab): boolean {
  return queueOf(lab).every(({ file }) => attemptsOf(file) >= 2);
}

const mended = ['clear.example', 'broken.example', 'wrong.example', 'expired.example', 'later.example'];

async function mend(lab: Lab): Promise<void> {
  for (const domain of ['clear.example', 'broken.example', 'later.example'])
    lab.peer(`mx.${domain}`).setBehaviour('normal');
  for (const domain of ['wrong.example', 'expired.example']) {
    const peer = lab.peer(`mx.${domain}`);
    peer.setCertificate(await lab.office.certificate(peer.name, 'trusted'));
  }
}

/** No note is left of a message that is not in the queue, nor a file of a process without one. */
async function forgotten(lab: Lab): Promise<void> {
  const directory = path.join(lab.haraka.directory, 'evidence');
  let stale = '';
  await until(
    () => {
      const keys = new Set(queueOf(lab).map(({ file }) => keyOf(file)));
      stale = '';
      for (const name of readdirSync(directory).filter((one) => one.endsWith('.held.jsonl')))
        for (const [, key = ''] of readFileSync(path.join(directory, name), 'utf8').matchAll(
          /"key":"([^"]+)"/g,
        ))
          if (!keys.has(key)) stale = `${name} still knows ${key}`;
      return stale === '' ? true : undefined;
    },
    () => stale,
    // Processes look at what others left behind every minute.
    300,
  );
}

/** Recipient by recipient: what peers took is told as delivered, with the TLS that they saw, and nothing else is. */
function compareTrack(lab: Lab, print: (line: string) => void): void {
  const { rows, problems } = trackIn(lab);
  const tls = (protection: string) => (protection === 'cleartext' ? 'none' : protection);
  const seen = lab.peers.flatMap(({ name, messages }) =>
    messages.flatMap(({ from, to, protection }) =>
      to.map((recipient) => `${from} ${recipient} ${name} ${tls(protection)}`),
    ),
  );
  const told = rows
    .filter(({ outcome }) => outcome === 'delivered')
    .map((row) => `${row['from'] ?? ''} ${row['to'] ?? ''} ${row['host'] ?? ''} ${row['tls'] ?? ''}`);
  same('delivered', told, seen);
  const deferrals = lab
    .outcomes()
    .filter(({ status }) => status === 'deferred')
    .flatMap(({ from, recipients }) => recipients.map(({ address }) => `${from} ${address}`));
  const toldDeferrals = rows
    .filter(({ outcome }) => outcome === 'deferred')
    .map((row) => `${row['from'] ?? ''} ${row['to'] ?? ''}`);
  // A process that is killed takes along what it had not written, and what it had not told the lab.
  const [onlyTold, onlySeen] = [less(toldDeferrals, deferrals), less(deferrals, toldDeferrals)];
  for (const one of onlyTold) print(`track alone has a deferral: ${one}`);
  for (const one of onlySeen) print(`the lab alone has a deferral: ${one}`);
  const most = deferrals.length / 10;
  if (onlyTold.length > most || onlySeen.length > most) throw new Error('the deferrals are others');
  print(
    `track: ${told.length} delivered as ${seen.length} were taken; ${toldDeferrals.length} of ${deferrals.length} deferrals`,
  );
  const problem = problems.find((text) => !text.includes('damaged line'));
  if (problem !== undefined) throw new Error(problem);
}

function same(what: string, told: readonly string[], seen: readonly string[]): void {
  const [a, b] = [[...told].sort(), [...seen].sort()];
  if (isDeepStrictEqual(a, b)) return;
  const onlyTold = a.filter((one) => !b.includes(one));
  const onlySeen = b.filter((one) => !a.includes(one));
  throw new Error(
    `${what}: ${a.length} told, ${b.length} seen; only told ${onlyTold.join('; ')}; only seen ${onlySeen.join('; ')}`,
  );
}

/** What is in `all` more often than in `others`. */
function less(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
