/**
 * A Haraka that is started as root, with a user to become and workers, while its queue is full: mail to domains with an
 * `enforce` policy on disk. The policy hosts are down at every start, so that only the disk knows of the policies.
 *
 * Certificates in config/tls/ are what makes the start slow: Haraka reads them, asking `openssl` about each, after it
 * was told to load the queue and before it becomes the user.
 */
import { execFileSync } from 'node:child_process';
import { chown, copyFile, lchown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startLab, type LabOptions, type Lab, type Outcome } from '../../../haraka-test-harness';
import { encodeEntry, entryName } from '../../../src/mta_sts/entry';
import { issue, createCa } from '../../../haraka-test-harness/pki';

export const user = 'nobody';
export const owner = { uid: idOf('-u'), gid: idOf('-g') };

function idOf(which: '-u' | '-g'): number {
  try {
    return Number(execFileSync('id', [which, user], { encoding: 'utf8' }));
  } catch {
    return -1;
  }
}

/** Why these tests cannot run here; empty where they can. */
export const obstacle =
  process.getuid?.() !== 0 ? 'they need root' : owner.uid > 0 ? '' : `there is no user ${user}`;

/** Somebody strips STARTTLS on the way to it. */
const stripped = 'stripped.example';
export const domains = ['a.example', 'b.example', 'c.example', stripped];
const certificates = 6;

export interface RootStart {
  readonly lab: Lab;
  /** Where the policies are. */
  readonly store: string;
  /** Starts Haraka anew with the queue as it was filled in the beginning. */
  restart(): Promise<void>;
  /** What became of each message of the queue since the last start. */
  outcomes(): Promise<readonly Outcome[]>;
  /** Envelopes that peers saw outside TLS, since the beginning. */
  inCleartext(): number;
  /** Files that are still in the queue. */
  queued(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Fills the queue, writes the policies to disk as `user`'s, and takes the policy hosts down. */
export async function prepareRootStart(options: LabOptions): Promise<RootStart> {
  const tls = await certificateFiles();
  const lab = await startLab(
    {
      domains: {
        ...Object.fromEntries(domains.map((domain) => [domain, { sts: {} }])),
        [stripped]: { sts: {}, mx: [{ behaviour: 'no-starttls' }] },
      },
    },
    {
      ...options,
      user,
      retryIntervals: '1h*12',
      config: {
        'tls-peers.ini': '[outbound]\nsecurity_level = mta_sts\n',
        ...tls,
        ...options.config,
      },
    },
  );
  try {
    const queue = path.join(lab.haraka.directory, 'queue');
    const kept = path.join(lab.haraka.directory, 'kept');
    const store = path.join(lab.haraka.directory, 'mta-sts');
    const ids = await fillQueue(lab, queue, kept);
    await rm(store, { recursive: true, force: true });
    await storePolicies(store);
    for (const domain of domains) await lab.setRoute(domain, 443, 'refused');
    for (const domain of domains) await lab.setRoute(`mx.${domain}`, 25, 'open');
    let before = new Map<string, number>();
    return {
      lab,
      store,
      restart: async () => {
        await refill(kept, queue);
        before = new Map(ids.map((id) => [id, lab.outcomes(id).length]));
        await lab.haraka.restart('SIGTERM');
      },
      outcomes: () =>
        Promise.all(
          ids.map((id) => lab.outcome(id, { attempt: (before.get(id) ?? 0) + 1, timeoutMs: 30_000 })),
        ),
      inCleartext: () =>
        lab.peers
          .flatMap(({ connections }) => connections)
          .filter(({ cleartext }) => /^(?:MAIL|RCPT|DATA)/im.test(cleartext)).length,
      queued: async () => (await readdir(queue)).filter((name) => !name.startsWith('.')),
      stop: () => lab.stop(),
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

async function certificateFiles(): Promise<Record<string, string>> {
  const ca = await createCa({ commonName: 'CA of this Haraka' });
  const names = Array.from({ length: certificates }, (_, n) => `mail${n}.ours.example`);
  const files = await Promise.all(
    names.map(async (name) => {
      const { certPem, keyPem } = await issue(ca, { dnsNames: [name] });
      return [`tls/${name}.pem`, `${keyPem}\n${certPem}`] as const;
    }),
  );
  return Object.fromEntries(files);
}

/** @returns the ids of the messages, which wait in `kept` */
async function fillQueue(lab: Lab, queue: string, kept: string): Promise<string[]> {
  for (const domain of domains) await lab.setRoute(`mx.${domain}`, 25, 'refused');
  const ids: string[] = [];
  for (const domain of domains) {
    const { id } = await lab.send({ from: 'me@ours.example', to: `you@${domain}` });
    const { status } = await lab.outcome(id);
    if (status !== 'deferred') throw new Error(`the message to ${domain} was ${status}`);
    ids.push(id);
  }
  await mkdir(kept);
  for (const name of await readdir(queue)) await rename(path.join(queue, name), path.join(kept, name));
  return ids;
}

/** Due now, whatever they waited for: the second part of a name is the time of the next attempt. */
async function refill(kept: string, queue: string): Promise<void> {
  for (const name of await readdir(queue)) await rm(path.join(queue, name), { force: true });
  for (const name of await readdir(kept)) {
    const due = path.join(queue, name.replace(/^(\d+)_\d+_/, `$1_${Date.now() - 1000}_`));
    await copyFile(path.join(kept, name), due);
    await chown(due, owner.uid, owner.gid);
  }
}

/** As a Haraka that ran before has left them. */
async function storePolicies(store: string): Promise<void> {
  await mkdir(store, { mode: 0o700 });
  for (const domain of domains) {
    const policy = { mode: 'enforce', mx: [`mx.${domain}`], maxAge: 86_400, extensions: [] } as const;
    const stored = { domain, roots: 'default', id: '1', fetchedAt: Date.now(), policy };
    await writeFile(path.join(store, entryName(stored)), encodeEntry(stored), { mode: 0o600 });
  }
  await giveAll(store, owner);
}

/** The directory and what is in it, as `chown -hR`. */
export async function giveAll(directory: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  for (const name of await readdir(directory)) await lchown(path.join(directory, name), uid, gid);
  await lchown(directory, uid, gid);
}

/** What a delivery by the policies on disk comes to: `enforced`, and `refused` where STARTTLS is stripped. */
export function classify({
  domain,
  status,
  summary,
  delivery,
  error,
}: Outcome): 'enforced' | 'refused' | 'otherwise' {
  if (domain === stripped)
    return status === 'deferred' && error.includes('starttls-not-supported') ? 'refused' : 'otherwise';
  const isEnforced =
    status === 'delivered' &&
    delivery !== 'none' &&
    delivery.secured &&
    summary?.['verified'] === 'pkix' &&
    String(summary['requirement']).includes('sts-enforce');
  return isEnforced ? 'enforced' : 'otherwise';
}

export function describe({ domain, status, summary, delivery, error }: Outcome): string {
  const tls = delivery === 'none' ? '' : delivery.secured ? 'with TLS' : 'in cleartext';
  return [domain, status, tls, summary?.['requirement'], error].filter(Boolean).join(' ');
}
