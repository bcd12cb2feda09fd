/** Haraka is killed between sending a report and noting that it did: who asked for it has it then, and at most twice. */
import { readdir } from 'node:fs/promises';
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
  if (when !== process.env.KILLED_WHEN || fs.existsSync(mark)) return;
  fs.writeFileSync(mark, String(process.pid));
  process.kill(process.pid, 'SIGKILL');
};
exports.register = function () {
  const outbound = this.haraka_require('outbound');
  const send = outbound.send_email;
  outbound.send_email = function (from, to, contents, next, options) {
    kill('before it is handed over');
    return send.call(this, from, to, contents, (...answer) => {
      kill('when Haraka has it');
      next(...answer);
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
  return isRight;
}

async function killedAt(way: Way): Promise<[copies: number, problem: string]> {
  const { when, workers } = way;
  const isHttps = when === 'when a receiver by HTTPS has it';
  const rua = isHttps ? 'https://mta-sts.desk.example/report' : 'mailto:tls@desk.example';
  const lab = await startLab(
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
      env: { KILLED_WHEN: when },
      config: {
        ...dkimConfig('ours.example', signingKey()),
        'tls-peers.ini':
          '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\nmax_delay = 0\n',
      },
    },
  );
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
    const problem =
      reports.length < 1 || reports.length > 2
        ? '; one or two were to come'
        : new Set(reports).size > 1
          ? '; they differ'
          : '';
    return [reports.length, problem];
  } finally {
    await lab.stop();
  }
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
