/** Haraka is killed between sending a report and noting that it did: who asked for it has it then, and at most twice. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import PostalMime from 'postal-mime';
import { startLab, type Lab } from '../../../haraka-test-harness';
import { aheadTo, clock, moveClock } from '../../reports/support/clock';
import { dkimConfig, signingKey } from '../../reports/support/dkim';

/**
 * Kills its own process once: before Haraka has a report, when Haraka has it on disk, or when a receiver by HTTPS has answered.
 * What is left then is what the kernel was told of.
 */
const killer = `
const fs = require('fs');
const http = require('http');
const path = require('path');
const home = process.env.HARAKA || process.cwd();
const mark = path.join(home, 'killed');
const kill = (when) => {
  if (when !== process.env.KILLED_WHEN || fs.existsSync(mark)) return false;
  fs.writeFileSync(mark, String(process.pid));
  const now = () => process.kill(process.pid, 'SIGKILL');
  if (process.env.KILLED_AFTER === undefined) now();
  setTimeout(now, Number(process.env.KILLED_AFTER));
  return true;
};
exports.register = function () {
  const outbound = this.haraka_require('outbound');
  const send = outbound.send_email;
  outbound.send_email = function (from, to, contents, next, options) {
    if (kill('before it is handed over')) return;
    return send.call(this, from, to, contents, (...answer) => {
      if (!kill('when Haraka has it')) next(...answer);
    }, options);
  };
  const { request } = http;
  http.request = function (options, ...rest) {
    const made = request.call(this, options, ...rest);
    if (String(options.headers?.['content-type']).startsWith('application/tlsrpt'))
      made.prependListener('response', () => kill('when a receiver by HTTPS has it'));
    return made;
  };
};
`;

interface Way {
  readonly when: 'before it is handed over' | 'when Haraka has it' | 'when a receiver by HTTPS has it';
  readonly workers: number;
}

const ways: readonly Way[] = [
  { when: 'before it is handed over', workers: 0 },
  { when: 'when Haraka has it', workers: 0 },
  { when: 'when a receiver by HTTPS has it', workers: 0 },
  { when: 'when Haraka has it', workers: 2 },
  { when: 'when a receiver by HTTPS has it', workers: 2 },
];

export async function killSenders(print: (line: string) => void): Promise<boolean> {
  let isRight = true;
  for (const way of ways) {
    const name = `${way.when}, ${way.workers === 0 ? 'one process' : `${way.workers} workers`}`;
    const [copies, problem] = await killedAt(way);
    print(`${problem === '' ? '' : 'WRONG '}killed ${name}: ${copies} came${problem}`);
    if (problem !== '') isRight = false;
  }
  for (const when of ['before it is handed over', 'when Haraka has it'] as const) {
    const [copies, problem] = await oneOfTwoKilled(when);
    print(
      `${problem === '' ? '' : 'WRONG '}of two Harakas, the one with the duty killed ${when}: ${copies} came${problem}`,
    );
    if (problem !== '') isRight = false;
  }
  return isRight;
}

async function killedAt(way: Way): Promise<[copies: number, problem: string]> {
  const { when, workers } = way;
  const isHttps = when === 'when a receiver by HTTPS has it';
  const rua = isHttps ? 'https://mta-sts.desk.example/report' : 'mailto:tls@desk.example';
  const lab = await startSender(rua, workers, { KILLED_WHEN: when });
  try {
    await lab.deliver({ from: 'me@ours.example', to: 'you@peer.example' });
    await countsWritten(lab);
    await moveClock(lab, aheadTo(1, '00:30'), Math.max(1, workers));
    if (workers === 0) {
      const how = await lab.haraka.ended;
      if (how !== 'SIGKILL') return [0, `; Haraka ended by ${how}`];
      await lab.haraka.restart();
    }
    await until(() => readdir(lab.haraka.directory).then((names) => names.includes('killed')));
    // What waits for its time does not wait for ours.
    let ahead = aheadTo(1, '00:45');
    await until(async () => {
      await moveClock(lab, (ahead += 1_000), 0);
      return lab.haraka.logLines.some((line) => /those of .* are done with/.test(line));
    });
    const reports = isHttps ? posted(lab) : await mailed(lab);
    return [reports.length, problemOf(reports)];
  } finally {
    await lab.stop();
  }
}

function problemOf(reports: readonly string[]): string {
  if (reports.length < 1 || reports.length > 2) return '; one or two were to come';
  return new Set(reports).size > 1 ? '; they differ' : '';
}

/** Longer than the other one takes to look whether there is something to do. Milliseconds. */
const held = 12_000;

/** Two Harakas keep their reports in one place, as one that follows another does. The one without the duty waits, and takes over. */
async function oneOfTwoKilled(when: Way['when']): Promise<[copies: number, problem: string]> {
  const shared = await mkdtemp(path.join(tmpdir(), 'tls-peers-shared-'));
  const rua = 'mailto:tls@desk.example';
  const first = await startSender(rua, 0, { KILLED_WHEN: when, KILLED_AFTER: String(held) }, shared);
  const second = await startSender(rua, 0, {}, shared);
  try {
    await first.deliver({ from: 'me@ours.example', to: 'you@peer.example' });
    await until(() => readdir(shared).then((names) => names.some((name) => name.endsWith('.counts'))));
    await moveClock(first, aheadTo(1, '00:30'));
    await until(() => readdir(first.haraka.directory).then((names) => names.includes('killed')));
    await moveClock(second, aheadTo(1, '00:30'));
    const sent = () => second.peer('mx.desk.example').messages.length;
    const how = await Promise.race([first.haraka.ended, until(() => Promise.resolve(sent() > 0))]);
    if (how !== 'SIGKILL') return [sent(), '; the other one sent while the duty was held'];
    let ahead = aheadTo(1, '00:45');
    await until(async () => {
      await moveClock(second, (ahead += 1_000), 0);
      return second.haraka.logLines.some((line) => /those of .* are done with/.test(line));
    });
    const reports = [...(await mailed(first)), ...(await mailed(second))];
    return [reports.length, problemOf(reports)];
  } finally {
    await first.stop();
    await second.stop();
    await rm(shared, { recursive: true, force: true });
  }
}

const signing = signingKey();

/** @param shared where reports are kept; in the install where absent */
function startSender(
  rua: string,
  workers: number,
  env: Readonly<Record<string, string>>,
  shared?: string,
): Promise<Lab> {
  return startLab(
    {
      domains: { 'peer.example': {}, 'desk.example': { sts: { policy: { mode: 'none' } } } },
      records: [
        {
          name: '_smtp._tls.peer.example',
          type: 'TXT',
          records: [{ type: 'TXT', text: `v=TLSRPTv1; rua=${rua}` }],
        },
      ],
    },
    {
      workers,
      plugins: ['clock', 'killer', 'tls-peers'],
      ownPlugins: { clock, killer },
      env,
      config: {
        ...dkimConfig('ours.example', signing),
        'tls-peers.ini':
          '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\nmax_delay = 0\n' +
          (shared === undefined ? '' : `directory = ${shared}\n`),
      },
    },
  );
}

async function countsWritten(lab: Lab): Promise<void> {
  const directory = path.join(lab.haraka.directory, 'tls-reports');
  await until(() =>
    readdir(directory).then(
      (names) => names.some((name) => name.endsWith('.counts')),
      () => false,
    ),
  );
}

/** A report as its reader has it: its id and what it says. */
async function mailed(lab: Lab): Promise<string[]> {
  const { messages } = lab.peer('mx.desk.example');
  return Promise.all(
    messages.map(async ({ data }) => {
      const { messageId, attachments } = await PostalMime.parse(Buffer.from(data, 'latin1'));
      const [part] = attachments;
      return `${messageId} ${gunzipSync(Buffer.from(part?.content as ArrayBuffer)).toString()}`;
    }),
  );
}

function posted(lab: Lab): string[] {
  return lab
    .policyHost('desk.example')
    .requests.filter(({ method }) => method === 'POST')
    .map(({ headers }) => String(headers['content-length']));
}

async function until(test: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await test())) {
    if (Date.now() > limit) throw new Error('it did not come to be in two minutes');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
