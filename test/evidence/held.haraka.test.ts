import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLab, type Lab } from '../../haraka-test-harness';

const world = {
  domains: {
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'wrong.example': { mx: [{ certificate: 'wrong-name' }] },
    'later.example': { mx: [{ behaviour: 'rcpt-450' }] },
    'good.example': {},
  },
} as const;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(world, {
    workers: 2,
    config: {
      'tls-peers.ini': '[evidence]\ntrack = true\n',
      'tls-peers/ours.example.ini':
        '[outbound]\nsecurity_level = verify\n\n[outbound clear.example]\nsecurity_level = mandatory\n',
    },
  });
});
afterAll(() => lab.stop());

const cli = path.resolve(import.meta.dirname, '../../dist/cli.cjs');

interface Document {
  readonly waiting: number;
  readonly groups: readonly { readonly peer: string; readonly reason: string; readonly messages: number }[];
  readonly otherwise: Readonly<Record<string, number>>;
  readonly messages: readonly { readonly sender: string; readonly domain: string; readonly file: string }[];
}

function held(...args: string[]): { code: number; document: Document } {
  const { status, stdout } = spawnSync(
    process.execPath,
    [cli, 'held', '-c', lab.haraka.directory, '--json', ...args],
    { encoding: 'utf8' },
  );
  return { code: status ?? -1, document: JSON.parse(stdout) as Document };
}

async function until(test: (document: Document) => boolean): Promise<Document> {
  for (;;) {
    const { document } = held();
    if (test(document)) return document;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

type Row = Readonly<Record<string, string>>;

async function untilRows(count: number, ...args: string[]): Promise<readonly Row[]> {
  for (;;) {
    const text = execFileSync(
      process.execPath,
      [cli, 'track', '-c', lab.haraka.directory, '--json', ...args],
      { encoding: 'utf8' },
    );
    const { rows } = JSON.parse(text) as { rows: Row[] };
    if (rows.length >= count) return rows;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const queueFiles = () => readdirSync(path.join(lab.haraka.directory, 'queue')).sort();
const groupsIn = ({ groups }: Document) =>
  groups.map(({ peer, reason, messages }) => `${peer} ${reason} ${messages}`).sort();

it('what waits because of a rule is told, and what waits for anything else is counted', async () => {
  expect(held()).toMatchObject({ code: 0, document: { waiting: 0, groups: [] } });
  const to = (domain: string) => lab.deliver({ from: 'me@ours.example', to: `you@${domain}` });
  await Promise.all(['clear', 'clear', 'wrong', 'later', 'good'].map((name) => to(`${name}.example`)));
  const document = await until(
    ({ messages, otherwise }) => messages.length === 3 && otherwise['reply'] === 1,
  );
  expect(groupsIn(document)).toEqual([
    'clear.example starttls-not-supported 2',
    'wrong.example certificate-host-mismatch 1',
  ]);
  expect(document.messages).toEqual(
    expect.arrayContaining([expect.objectContaining({ sender: 'me@ours.example', domain: 'wrong.example' })]),
  );
  const files = queueFiles();
  for (const { file } of document.messages) expect(files).toContain(file);
  expect(held('--peer', 'wrong.example')).toMatchObject({ code: 1, document: { messages: [{}] } });
  const text = spawnSync(process.execPath, [cli, 'held', '-c', lab.haraka.directory], {
    encoding: 'utf8',
  }).stdout;
  expect(text).toMatch(
    /^3 messages to 2 peers wait because of a TLS rule, the oldest for \d+ s; 1 more in the queue without one: 1 that a host put off\.\n/,
  );
  expect(text).toContain('tls-peers explain ours.example wrong.example');
  const csv = execFileSync(
    'sh',
    ['-c', `"${process.execPath}" "${cli}" held -c "${lab.haraka.directory}" --csv || true`],
    {
      encoding: 'utf8',
    },
  );
  expect(csv.trim().split('\r\n')).toHaveLength(4);
});

it('each recipient has a row in the log of messages, with what the peer saw', async () => {
  const data = 'Message-ID: <followed@ours.example>\r\nSubject: x\r\n\r\nHello.\r\n';
  await lab.deliver({ from: 'me@ours.example', to: ['a@good.example', 'b@good.example'], data });
  const rows = await untilRows(2, '--message-id', 'followed@ours.example');
  const [connection] = lab.peer('mx.good.example').connections.slice(-1);
  expect(connection?.tls).toMatchObject({ kind: 'established', version: 'TLSv1.3' });
  expect(rows.map(({ to }) => to).sort()).toEqual(['a@good.example', 'b@good.example']);
  for (const row of rows)
    expect(row).toMatchObject({
      direction: 'out',
      from: 'me@ours.example',
      host: 'mx.good.example',
      tls: 'TLSv1.3',
      verified: 'pkix',
      outcome: 'delivered',
      rule: 'ours.example [outbound]',
    });
  const refused = await untilRows(2, '--reason', 'starttls-not-supported');
  expect(refused[0]).toMatchObject({
    to: 'you@clear.example',
    outcome: 'deferred',
    host: 'mx.clear.example',
  });
  const [later] = await untilRows(1, '--recipient', 'later.example');
  expect(later).toMatchObject({ outcome: 'deferred', reason: 'reply', text: expect.stringContaining('450') });
});

it('a restart forgets no reason, and no address is noted', async () => {
  await lab.haraka.restart('SIGKILL');
  expect(groupsIn(held().document)).toHaveLength(2);
  const directory = path.join(lab.haraka.directory, 'evidence');
  const notes = readdirSync(directory).filter((name) => name.endsWith('.held.jsonl'));
  expect(notes).not.toEqual([]);
  for (const name of notes) {
    expect(statSync(path.join(directory, name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(directory, name), 'utf8')).not.toContain('@');
  }
});

it('a queue that is somewhere else is not taken for an empty one', () => {
  const args = [cli, 'held', '-c', lab.haraka.directory, '--queue', '/nowhere'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([3, expect.stringContaining('the queue cannot be read')]);
});
