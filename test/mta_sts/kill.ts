/**
 * Kills a Haraka with two workers by SIGKILL at random moments while policies are being written.
 *
 * After each kill every stored policy must read back whole, and a domain whose `enforce` policy was met just before must
 * still be held to it after the next start, with its TXT record and its policy host gone.
 *
 *   npm run test:mta-sts-kill -- [--rounds 50] [--seed 1]
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startLab, type DomainSpec, type Lab } from '../../haraka-test-harness';
import { createFileStore } from '../../src/mta_sts/file_store';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);
const churning = 24;
/** Where on average half of the policies of a round are written. Milliseconds. */
const longestDelay = 400;

const met = (round: number) => `met${round}.example`;
const churn = (index: number) => `churn${index}.example`;

const domains: Record<string, DomainSpec> = {};
for (let round = 0; round < rounds; round++) domains[met(round)] = { sts: {} };
// They expire at once, so that each message fetches and writes its policy anew.
for (let n = 0; n < churning; n++) domains[churn(n)] = { sts: { policy: { mode: 'enforce', maxAge: 0 } } };

let state = Number(values.seed);
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

interface Tally {
  whole: number;
  damaged: number;
  missing: number;
  interrupted: number;
  enforced: number;
}

const tally: Tally = { whole: 0, damaged: 0, missing: 0, interrupted: 0, enforced: 0 };
const lab = await startLab(
  { domains },
  { workers: 2, config: { 'tls-peers.ini': '[outbound]\nsecurity_level = mta_sts\n' } },
);
try {
  for (let round = 0; round < rounds; round++) {
    await meet(lab, met(round));
    const moment = await writeAndKill(lab);
    const found = await inspect(lab, met(round));
    await vanish(lab, met(round));
    await lab.haraka.restart('SIGKILL');
    await mustBeDeferred(lab, met(round));
    console.log(
      `kill ${round + 1} after ${moment.toFixed(0)} ms: ${found.whole} policies whole, ${found.damaged} damaged, ` +
        `${found.temporary} cut short; ${met(round)} still enforced`,
    );
  }
} finally {
  await lab.stop();
}
const sound = tally.damaged === 0 && tally.missing === 0 && tally.enforced === rounds;
console.log(
  `${rounds} kills: ${tally.whole} policies read back whole, ${tally.damaged} damaged, ${tally.missing} missing, ` +
    `${tally.interrupted} writes cut short; ${tally.enforced} of ${rounds} domains still enforced: ${sound ? 'sound' : 'NOT SOUND'}`,
);
process.exitCode = sound ? 0 : 1;

async function meet(to: Lab, domain: string): Promise<void> {
  const outcome = await to.deliver({ from: 'me@ours.example', to: `you@${domain}` });
  if (outcome.summary?.['verified'] !== 'pkix') throw new Error(`${domain} was not met: ${outcome.error}`);
}

/** Has policies written by both workers, and kills master and workers in the middle of it. @returns the moment, ms. */
async function writeAndKill(to: Lab): Promise<number> {
  const started = performance.now();
  const before = requests(to);
  const sending = Array.from({ length: churning }, (_, n) =>
    to.send({ from: 'me@ours.example', to: `you@${churn(n)}` }).catch(() => undefined),
  );
  while (requests(to) === before) await sleep(2);
  await sleep(random() * longestDelay);
  const { pid } = to.haraka;
  for (const each of [...(await workersOf(pid)), pid]) process.kill(each, 'SIGKILL');
  const moment = performance.now() - started;
  await Promise.all(sending);
  return moment;
}

function requests(of: Lab): number {
  return Array.from({ length: churning }, (_, n) => of.policyHost(churn(n)).requests.length).reduce(
    (a, b) => a + b,
  );
}

async function workersOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

async function inspect(of: Lab, domain: string) {
  const directory = join(of.haraka.directory, 'mta-sts');
  const reports: string[] = [];
  const line = (text: string) => void reports.push(text);
  const store = createFileStore(directory, {
    log: { debug: line, info: line, notice: line, warn: line, error: line },
  });
  let whole = 0;
  let there = 0;
  for await (const stored of store.all()) {
    whole++;
    if (stored.domain === domain && stored.policy.mode === 'enforce') there++;
  }
  const temporary = (await readdir(directory)).filter((name) => name.endsWith('.tmp')).length;
  for (const report of reports) console.error(report);
  tally.whole += whole;
  tally.damaged += reports.length;
  tally.missing += 1 - there;
  tally.interrupted = temporary;
  return { whole, damaged: reports.length, temporary };
}

/** The policy can no longer be had, and the MX host could be anybody's. */
async function vanish(from: Lab, domain: string): Promise<void> {
  from.dns.remove(`_mta-sts.${domain}`, 'TXT');
  await from.setRoute(domain, 443, 'refused');
  const host = `mx.${domain}`;
  from.peer(host).setCertificate(await from.office.certificate(host, 'self-signed'));
}

async function mustBeDeferred(to: Lab, domain: string): Promise<void> {
  const outcome = await to.deliver({ from: 'me@ours.example', to: `you@${domain}` });
  if (outcome.status === 'deferred' && outcome.error.includes('certificate-not-trusted')) tally.enforced++;
  else console.error(`${domain} is not enforced any more: ${outcome.status} ${outcome.error}`);
}
