/** 100,000 domains in a day: what counting, the file, all reports and the sending of those that are wanted take. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Answer } from '../../../src/dns/types';
import { silent } from '../../../src/log';
import type { Day } from '../../../src/peers/day';
import { ReportSender } from '../../../src/reports/send/sender';
import { journalName } from '../../../src/reports/store/journal';
import { createSessionWriter, readSessions } from '../../../src/reports/store/session_files';
import { shippedDefaults } from '../../../src/settings/load/global_file';
import { presentOwner } from '../../../src/state/owner';
import { reportOf } from '../../../src/tlsrpt/document';
import type { CountedResult } from '../../../src/tlsrpt/session';
import { signingKey } from '../../reports/support/dkim';

const domains = 100_000;
const day = '2026-11-01' as Day;

export async function measureScale(print: (line: string) => void): Promise<boolean> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-scale-'));
  const owner = presentOwner();
  try {
    const before = memory();
    const writer = createSessionWriter({
      directory,
      owner,
      log: silent,
      days: 3650,
      maxDomains: domains,
      now: () => new Date('2026-11-01T12:00:00Z'),
    });
    const begun = performance.now();
    for (let at = 0; at < domains; at++) {
      writer.count(sessionsOf(at));
      if (at % 10_000 === 9_999) await writer.flush();
    }
    await writer.flush();
    const counted = performance.now() - begun;
    const after = memory();
    writer.close();
    const octets = readdirSync(directory).reduce(
      (sum, name) => sum + statSync(path.join(directory, name)).size,
      0,
    );
    print(
      `counted and written in ${(counted / 1000).toFixed(1)} s, ${(octets / 1e6).toFixed(1)} MB on disk, ${after - before} MB in memory`,
    );
    const reading = performance.now();
    const { table, problems } = await readSessions(
      { directory, owner, today: '2026-11-02' as Day },
      day,
      domains * 16,
    );
    const read = performance.now() - reading;
    const building = performance.now();
    let reports = 0;
    for (const [domain, sessions] of table.rows()) {
      const report = reportOf(
        { organization: 'Ours', contact: 'me@ours.example', host: 'h' },
        day,
        domain,
        sessions,
      );
      if (gzipSync(JSON.stringify(report)).length > 0) reports++;
    }
    const built = performance.now() - building;
    print(
      `read in ${(read / 1000).toFixed(1)} s; ${reports} reports built and packed in ${(built / 1000).toFixed(1)} s; ${memory() - before} MB in memory`,
    );
    for (const problem of problems) print(problem);
    const isSent = await sendAll(directory, print);
    return reports === domains && problems.length === 0 && isSent;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Of so many domains one asks for reports. */
const askers = 20;

/** As it is done: who wants a report is asked of DNS (which answers at once), reports are composed, signed and noted. */
async function sendAll(directory: string, print: (line: string) => void): Promise<boolean> {
  const { privateKey } = signingKey();
  let [sent, octets] = [0, 0];
  const sender = new ReportSender({
    settings: () => ({
      ...shippedDefaults.tlsReports,
      organization: 'Ours',
      contact: 'me@ours.example',
      from: 'tls@ours.example',
      maxDelay: 0,
      maxDomains: domains,
    }),
    directory: () => directory,
    owner: presentOwner(),
    log: silent,
    now: () => new Date('2026-11-02T01:00:00Z'),
    host: 'h',
    txt: (name): Promise<Answer<string>> => {
      const [, number = '0'] = /peer(\d+)/.exec(name) ?? [];
      const about = { secure: false, canonicalName: name, ttl: 60 } as const;
      return Promise.resolve(
        Number(number) % askers === 0
          ? { kind: 'records', records: ['v=TLSRPTv1; rua=mailto:tls@desk.example'], ...about }
          : { kind: 'denied', denial: 'nxdomain', ...about },
      );
    },
    key: () => ({ kind: 'found', key: { domain: 'ours.example', selector: 'sel', privateKey } }),
    submit: ({ contents }) => {
      sent += 1;
      octets += contents.length;
      return Promise.resolve();
    },
    post: () => Promise.resolve({ kind: 'accepted' }),
  });
  const begun = performance.now();
  await sender.tick();
  const took = (performance.now() - begun) / 1000;
  await sender.close();
  const journal = statSync(path.join(directory, journalName(day))).size;
  print(
    `all domains gone through in ${took.toFixed(1)} s: ${sent} reports by mail (${(octets / 1e6).toFixed(1)} MB), ` +
      `${(journal / 1e6).toFixed(1)} MB of notes; at most ${Math.round(process.resourceUsage().maxRSS / 1000)} MB of RSS in all of this`,
  );
  return sent === domains / askers;
}

/** A tenth have a policy, a hundredth failures. */
function sessionsOf(at: number): CountedResult[] {
  const domain = `peer${at}.example`;
  const details = {
    mxHost: `mx.${domain}`,
    receivingIp: '198.51.100.1',
    sendingIp: '192.0.2.1',
    helo: `mx.${domain}`,
  };
  const policy =
    at % 10 === 0
      ? ({
          type: 'sts',
          domain,
          text: ['version: STSv1', 'mode: enforce', `mx: mx.${domain}`, 'max_age: 604800'],
          mx: [`mx.${domain}`],
        } as const)
      : ({ type: 'no-policy-found', domain } as const);
  const of = { domain, mode: 'on', policy, details } as const;
  const failed = { ...of, result: { type: 'certificate-expired', code: '' } } as const;
  return at % 100 === 0 ? [{ ...of, result: 'success' }, failed] : [{ ...of, result: 'success' }];
}

function memory(): number {
  return Math.round(process.memoryUsage().heapUsed / 1e6);
}
