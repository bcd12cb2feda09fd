/** Hosting with several workers, over a graceful restart, and at a port that only root may bind. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { startLab } from '../../haraka-test-harness';
import { openCertificateOffice } from '../../haraka-test-harness/certificates';
import { startHaraka } from '../../haraka-test-harness/haraka';
import { startReports } from '../../haraka-test-harness/reports';
import { ask, freePort } from './support/https_client';

async function hostingConfig(port: number) {
  const office = await openCertificateOffice();
  const { chainPem, keyPem } = await office.certificate('mta-sts.one.example', 'trusted');
  const config = {
    'tls-peers.ini': `[hosting]\nlisten = 127.0.0.1:${port}\n`,
    'tls-peers/one.example.ini': '[mta_sts]\nmx = mx.one.example\n',
    'tls/one.pem': keyPem + chainPem,
  };
  const wish = { port, ca: office.caPem, name: 'mta-sts.one.example' } as const;
  return { config, wish };
}

/** As `haraka --graceful` does. */
async function restartGracefully(smtpPort: number): Promise<void> {
  const socket = connect(smtpPort, '127.0.0.1');
  await once(socket, 'data');
  socket.write('INTERNALCMD gracefulRestart\r\n');
  await once(socket, 'data');
  socket.destroy();
}

describe('with two workers', () => {
  it('one port serves the policy under one id, before, during and after a graceful restart', async () => {
    const { config, wish } = await hostingConfig(await freePort());
    const lab = await startLab({ domains: {} }, { workers: 2, config });
    try {
      await lab.haraka.waitForLog(/checked 1 MTA-STS policy: \d findings?/, { timeoutMs: 20_000 });
      await lab.haraka.waitForLog(/MTA-STS policy of one\.example: senders cannot fetch the policy/);
      const bodies = new Set<string>();
      for (let index = 0; index < 8; index++) bodies.add((await ask(wish)).body);
      expect(bodies.size).toBe(1);
      const before = lab.haraka.logLines.length;
      await restartGracefully(lab.haraka.port);
      const done = lab.haraka.waitForLog(/Reload complete/, { from: before, timeoutMs: 60_000 });
      let over = false;
      const hasEnded = () => over;
      void done.finally(() => {
        over = true;
      });
      let answered = 0;
      let longestGapMs = 0;
      for (let last = performance.now(); !hasEnded();) {
        // The processors are for Haraka.
        await pause(20);
        if ((await ask(wish).catch(() => undefined))?.status !== 200) continue;
        answered++;
        longestGapMs = Math.max(longestGapMs, performance.now() - last);
        last = performance.now();
      }
      await done;
      const after = await ask(wish);
      expect([...bodies]).toEqual([after.body]);
      expect(answered).toBeGreaterThan(0);
      const gap = `the longest without an answer was ${longestGapMs.toFixed(0)} ms`;
      process.stdout.write(`graceful restart: ${answered} requests answered while it lasted, ${gap}\n`);
      // Only one of the workers looks at other people's hosts.
      expect(
        lab.haraka.logLines.slice(0, before).filter((line) => /checked 1 MTA-STS policy/.test(line)),
      ).toHaveLength(1);
    } finally {
      await lab.stop();
    }
  }, 120_000);
});

describe('the check of the policies', () => {
  it('is taken over by another worker when the one that does it dies, time and again', async () => {
    const { config } = await hostingConfig(await freePort());
    const lab = await startLab({ domains: {} }, { workers: 2, config });
    const checks = /process (\d+) checks the MTA-STS policies/;
    try {
      const pids = new Set<number>();
      for (let from = 0; pids.size < 4;) {
        const line = await lab.haraka.waitForLog(checks, { from, timeoutMs: 20_000 });
        from = lab.haraka.logLines.indexOf(line, from) + 1;
        const pid = Number(checks.exec(line)?.[1]);
        expect(pids).not.toContain(pid);
        pids.add(pid);
        if (pids.size < 4) process.kill(pid, 'SIGKILL');
        else await lab.haraka.waitForLog(/checked 1 MTA-STS policy/, { from, timeoutMs: 20_000 });
      }
      expect(lab.haraka.logLines.filter((line) => checks.test(line))).toHaveLength(4);
    } finally {
      await lab.stop();
    }
  }, 120_000);
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('SKIPPED: hosting at a privileged port, which needs to be root\n');

describe.skipIf(!isRoot)('at a port below 1024, with a Haraka that goes on as another user', () => {
  it.each([0, 1])('serves the policy, and keeps those of others, with nodes=%s', async (workers) => {
    const base = await mkdtemp(path.join(tmpdir(), 'tls-peers-privileged-'));
    await chmod(base, 0o755);
    const directory = path.join(base, 'haraka');
    await mkdir(directory);
    const nobody = Number(execFileSync('id', ['-u', 'nobody']));
    await chown(directory, nobody, -1);
    const { config, wish } = await hostingConfig(900 + workers);
    const routesFile = path.join(base, 'routes.json');
    await writeFile(routesFile, '{}');
    await writeFile(path.join(base, 'ca.pem'), wish.ca);
    const reports = await startReports();
    try {
      const smtp = `listen=127.0.0.1:0\nnodes=${workers}\nuser=nobody\n`;
      const haraka = await startHaraka(
        { workers, config: { ...config, 'smtp.ini': smtp } },
        { directory, routesFile, caFile: path.join(base, 'ca.pem'), dnsAddress: '127.0.0.1:9', reports },
      );
      try {
        await haraka.waitForLog(/New uid: (?!0)/);
        expect(await ask(wish)).toMatchObject({ status: 200 });
        // A store that the master had made would be root's, and of no use to the workers.
        const store = await vi.waitFor(() => stat(path.join(directory, 'mta-sts')), 10_000);
        expect(store.uid).toBe(nobody);
      } finally {
        await haraka.stop();
      }
    } finally {
      await reports.stop();
      await rm(base, { recursive: true, force: true });
    }
  });
});
