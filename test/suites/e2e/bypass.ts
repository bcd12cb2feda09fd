/** A Haraka with a plugin that sends outgoing mail past the outbound queue, for tests on any version of Haraka. */
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';

/** The first host of the world is the one that smtp_proxy and smtp_forward hand mail to. */
const world: World = {
  domains: {
    'smart.example': { mx: [{ behaviour: 'no-starttls' }] },
    'strict.example': {},
    'bare.example': { mx: [{ behaviour: 'no-starttls' }] },
    'free.example': {},
  },
};
const smartHost = '127.20.0.2';

const rules = `
[outbound]
security_level = opportunistic
[outbound strict.example]
security_level = mandatory
[outbound bare.example]
security_level = mandatory_dane
[outbound never.example]
security_level = may
cleartext_fallback = never
[outbound watched.example]
security_level = mandatory
enforcement = monitor
[outbound discovered.example]
security_level = auto
`;

/**
 * What clients ask for by the local part of the sender: `lenient` has refusals taken back, `stranger` may not relay, `routed`
 * names a queue of its own.
 */
const askers = `
exports.register = function () {
  this.register_hook('deny', 'takeBack');
  this.register_hook('data', 'noRelay');
};
const asker = (connection) => String(connection.transaction?.mail_from.user ?? '');
exports.takeBack = (next, connection, [, , , , , hook]) =>
  next(hook === 'queue_outbound' && asker(connection) === 'lenient' ? OK : CONT);
exports.noRelay = (next, connection) => {
  if (asker(connection) === 'stranger') connection.relaying = false;
  if (asker(connection) === 'routed') connection.transaction.notes.set('queue.wants', 'outbound');
  next();
};`;

/** A plugin of one's own that does what smtp_forward does, and would be asked before everybody else. */
const heir = `
exports.register = function () {
  this.inherits('queue/smtp_forward');
  this.register_hook('queue_outbound', 'queue_forward', -100);
};`;

export type BypassKind = 'queue/smtp_proxy' | 'queue/smtp_forward' | 'queue/qmail-queue' | 'heir';

export interface Bypass {
  readonly lab: Lab;
  /** The recipients of each message that went past the queue, sorted. */
  passed(): Promise<string[]>;
  /** `taken`, or the reply of the refusal. */
  submit(from: string, ...to: string[]): Promise<string>;
  /** Of a message that the outbound queue took: its status, `secured` or not, and the first reason. */
  outcome(from: string, to: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startBypass(
  kind: BypassKind,
  more: LabOptions & { readonly pastTheQueue?: string } = {},
): Promise<Bypass> {
  const { pastTheQueue, ...options } = more;
  const spool = await mkdtemp(path.join(tmpdir(), 'tls-peers-qmail-'));
  const program = path.join(spool, 'qmail-queue');
  await writeFile(
    program,
    `#!/bin/sh\ncat > /dev/null\ncat <&1 > ${spool}/$$.new && mv ${spool}/$$.new ${spool}/$$.envelope\n`,
  );
  await chmod(program, 0o755);
  const next = `enable_outbound=true\nhost=${smartHost}\nport=25\n`;
  const lab = await startLab(world, {
    ...options,
    plugins: [kind, 'tls-peers', 'askers'],
    ownPlugins: { askers, heir },
    config: {
      'tls-peers/ours.example.ini': rules,
      'tls-peers/broken.example.ini': '[outbound]\nsecurity_level = mandatry\n',
      'tls-peers.ini': pastTheQueue === undefined ? '' : `[outbound]\npast_the_queue = ${pastTheQueue}\n`,
      'smtp_proxy.ini': next,
      'smtp_forward.ini': next,
      'qmail-queue.path': program,
      ...options.config,
    },
  });
  const submit: Bypass['submit'] = (from, ...to) =>
    lab.send({ from, to }).then(
      () => 'taken',
      (error: unknown) => /answered "(.*)" to/.exec(String(error))?.[1] ?? String(error),
    );
  return {
    lab,
    passed: async () => {
      if (kind !== 'queue/qmail-queue') {
        return lab.peer('mx.smart.example').messages.map(({ to }) => [...to].sort().join(' '));
      }
      const files = (await readdir(spool)).filter((file) => file.endsWith('.envelope'));
      const envelopes = await Promise.all(files.map((file) => readFile(path.join(spool, file), 'latin1')));
      return envelopes.map((text) =>
        [...text.matchAll(/T([^\0]+)\0/g)]
          .map(([, to = '']) => to)
          .sort()
          .join(' '),
      );
    },
    submit,
    outcome: async (from, to) => {
      const { status, delivery, summary } = await lab.deliver({ from, to });
      const reasons = (summary?.['reasons'] ?? []) as readonly { reason: string }[];
      return [status, delivery !== 'none' && delivery.secured ? 'secured' : '', reasons[0]?.reason ?? '']
        .join(' ')
        .trim();
    },
    stop: async () => {
      await lab.stop();
      await rm(spool, { recursive: true, force: true });
    },
  };
}
