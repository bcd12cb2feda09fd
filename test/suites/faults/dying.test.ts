/** What fails around Haraka: the resolver, the disk, the clock, and Haraka itself. Nothing is lost, nothing leaks. */
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';

const world: World = {
  domains: {
    'must.example': {},
    'bare.example': { mx: [{ behaviour: ['no-starttls', 'normal'] }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
    'sts.example': { sts: {} },
    'sts-wrong.example': { mx: [{ certificate: 'wrong-name' }], sts: {} },
  },
};

const rules = `[outbound]
security_level = auto
[outbound must.example]
security_level = mandatory
[outbound bare.example]
security_level = mandatory
`;

let lab: Lab;
const cleanUp: (() => Promise<void>)[] = [];

/** Haraka reads no interval below five seconds from its files. */
const impatient = `
exports.register = function () {
  this.haraka_require('outbound/config').cfg.temp_fail_intervals = [2, 2, 2, 2, 2];
};`;

async function start({ plugins = [], ownPlugins, ...options }: LabOptions = {}): Promise<void> {
  lab = await startLab(world, {
    resolver: { timeout: '1', deadline: '2' },
    plugins: ['impatient', ...plugins, 'tls-peers'],
    ownPlugins: { impatient, ...ownPlugins },
    ...options,
    config: { 'tls-peers/ours.example.ini': rules, ...options.config },
  });
}

afterEach(async () => {
  for (const { cleartext } of lab.peers.flatMap((peer) => peer.connections)) {
    expect(cleartext).toMatch(/^(?:EHLO [^\r\n]*\r\n|STARTTLS\r\n|QUIT\r\n)*$/);
  }
  await lab.stop();
  for (const step of cleanUp.splice(0)) await step();
});

const message = (to: string, from = 'a@ours.example') => ({ from, to: `b@${to}` });

describe('a resolver that falls silent', () => {
  it('defers mail, and mail goes once it answers', async () => {
    await start();
    lab.dns.fallSilent();
    const { id } = await lab.send(message('must.example'));
    const deferred = await lab.outcome(id);
    expect(deferred).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.4.3' }] });
    expect(deferred.error).toContain('dns-lookup-failed');
    lab.dns.answer();
    expect(await lab.outcome(id, { wanted: 'settled' })).toMatchObject({
      status: 'delivered',
      delivery: { secured: true },
    });
  });
});

describe('a Haraka that ends', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'by %s goes on with its queue, under the same rule',
    async (signal) => {
      await start();
      const { id } = await lab.send(message('bare.example'));
      expect((await lab.outcome(id)).status).toBe('deferred');
      await lab.haraka.restart(signal);
      expect(await lab.outcome(id, { wanted: 'settled' })).toMatchObject({
        status: 'delivered',
        delivery: { secured: true },
      });
      expect(lab.peer('mx.bare.example').messages).toHaveLength(1);
    },
  );
});

describe('a worker that is killed while it delivers', () => {
  it('leaves its messages to the worker that takes its place, under the same rule', async () => {
    await start({ workers: 2 });
    const peer = lab.peer('mx.must.example');
    peer.setBehaviour([{ secured: { message: { do: 'silence' } } }, 'no-starttls', 'normal']);
    const { id } = await lab.send(message('must.example'));
    await peer.until(({ connections: [first] }) => first?.encrypted.endsWith('\r\n.\r\n') === true);
    // Its queue file is named after arrival, next attempt, attempts, and the process that delivers it.
    const [file = ''] = await readdir(path.join(lab.haraka.directory, 'queue'));
    const pid = file.split('_')[3];
    process.kill(Number(pid), 'SIGKILL');
    expect(await lab.outcome(id, { wanted: 'settled', timeoutMs: 40_000 })).toMatchObject({
      status: 'delivered',
      delivery: { secured: true },
      summary: { rule: 'ours.example [outbound must.example]' },
    });
    expect(peer.connections).toHaveLength(3);
    expect(peer.messages).toHaveLength(1);
  }, 60_000);
});

describe('a peer that hangs up in the middle of a large message', () => {
  it('defers it, and nothing of the rest goes anywhere', async () => {
    await start();
    lab.peer('mx.must.example').setBehaviour({ secured: { data: { do: 'close', text: '354 go on\r\n' } } });
    const data = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(40_000)}`;
    const outcome = await lab.deliver({ ...message('must.example'), data });
    expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.4.1' }] });
    await lab.peer('mx.must.example').settled();
    expect(lab.haraka.logLines.filter((line) => /kept .* from being sent/.test(line))).toEqual([]);
  });
});

describe('a disk that is full', () => {
  /** No file may grow beyond 64 KiB. */
  async function cramped(): Promise<string> {
    const directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-disk-'));
    cleanUp.push(() => rm(directory, { recursive: true, force: true }));
    const node = path.join(directory, 'node');
    await writeFile(node, `#!/bin/bash\nulimit -f 64\nexec ${process.execPath} "$@"\n`);
    await chmod(node, 0o755);
    return node;
  }

  it('refuses what does not fit, and delivers what does', async () => {
    await start({ node: await cramped() });
    const large = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(4000)}`;
    await expect(lab.send({ ...message('must.example'), data: large })).rejects.toThrow(
      /Haraka answered "[45]/,
    );
    expect(await lab.deliver(message('must.example'))).toMatchObject({ status: 'delivered' });
    expect(lab.peer('mx.must.example').messages).toHaveLength(1);
    const queue = path.join(lab.haraka.directory, 'queue');
    const left = async (): Promise<string[]> =>
      (await readdir(queue)).filter((name) => !name.startsWith('.'));
    await expect.poll(left).toEqual([]);
  });
});

describe('a clock that jumps', () => {
  /** Two days on or back, as the sender's name says. */
  const jump = `
const Real = Date;
let shift = 0;
global.Date = class extends Real {
  constructor(...args) { args.length > 0 ? super(...args) : super(Real.now() + shift); }
  static now() { return Real.now() + shift; }
};
const days = { forward: 2, back: -2 };
exports.hook_mail = (next, connection, params) => {
  shift = (days[params[0].user] ?? 0) * 86400000;
  next();
};`;

  it.each(['forward', 'back'])(
    '%s changes nothing that was decided by DANE or a policy',
    async (direction) => {
      await start({ plugins: ['jump'], ownPlugins: { jump } });
      for (const sender of ['a@ours.example', `${direction}@ours.example`]) {
        const outcomes = await Promise.all(
          ['dane.example', 'mismatch.example', 'sts.example', 'sts-wrong.example'].map((to) =>
            lab.deliver(message(to, sender)),
          ),
        );
        expect(outcomes.map(({ status, summary }) => [status, summary?.['verified']])).toEqual([
          ['delivered', 'dane 3 1 1'],
          ['deferred', ''],
          ['delivered', 'pkix'],
          ['deferred', ''],
        ]);
      }
    },
  );
});
