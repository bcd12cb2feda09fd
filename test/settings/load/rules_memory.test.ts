import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeRecipient } from '../../../src/inbound/decide';
import { ruleForClient } from '../../../src/inbound/client_rule';
import { silent } from '../../../src/log';
import { utcDay } from '../../../src/peers/day';
import { outboundRule } from '../../../src/peers/rules';
import { Reminder } from '../../../src/settings/reload/reminder';
import { rulesMemory } from '../../../src/settings/load/rules_memory';
import { loadSettings } from '../../../src/settings/load/load';
import { directorySource } from '../../../src/settings/load/source';
import { call } from '../../cli/call';

const isRoot = process.geteuid?.() === 0;
const nobody = 65534;
const today = utcDay(new Date('2026-06-15'));
const mandatory = '[outbound]\nsecurity_level = mandatory\n';

let install = '';
beforeEach(() => {
  install = mkdtempSync(path.join(tmpdir(), 'tls-peers-memory-'));
  chmodSync(install, 0o755);
  put('config/smtp.ini', '');
});
afterEach(() => rmSync(install, { recursive: true }));

function put(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(install, name)), { recursive: true });
  writeFileSync(path.join(install, name), text);
}

const remove = (name: string) => rmSync(path.join(install, name), { recursive: true });
const source = () => directorySource(path.join(install, 'config'), 'unknown');

/** As a Haraka that starts, writes down what there is, and ends. */
async function run(): Promise<void> {
  const { memory } = source();
  const loaded = loadSettings(source());
  if (loaded.recollection.kind !== 'known') throw new Error('not known');
  for (const directory of memory.directories(loaded.stateDirectory))
    await memory.write(directory, loaded.recollection.remembered);
}

/** What a Haraka that starts now holds mail from `sender` to, and answers for a recipient there. */
function started(sender: string): [outbound: string, inbound: string] {
  const { settings } = loadSettings(source());
  const outbound = outboundRule(settings, sender, 'peer.example', today);
  const client = { ip: '192.0.2.1', senderDomain: 'peer.example', kind: 'peer' } as const;
  const verdict = judgeRecipient(ruleForClient(settings, sender, client, today), {
    kind: 'tls',
    protocol: 'TLSv1.3',
  });
  return [
    outbound.kind === 'rule' ? outbound.rule.level : outbound.failure.reason,
    verdict.kind === 'refused' ? `${verdict.reply.code} ${verdict.reply.status}` : 'admitted',
  ];
}

const held = ['config-invalid', '451 4.3.5'];

describe('a Haraka that starts after files vanished', { tags: ['regression'] }, () => {
  it('holds back mail of the managed domains, and no other', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    put('config/tls-peers/b.example.ini', mandatory);
    await run();
    remove('config/tls-peers');
    expect(started('a.example')).toEqual(held);
    expect(started('b.example')).toEqual(held);
    expect(started('stranger.example')).toEqual(['auto', 'admitted']);
    expect(started('')).toEqual(['auto', 'admitted']);
    // Also the one after it.
    await run();
    expect(started('a.example')).toEqual(held);
    put('config/tls-peers/a.example.ini', mandatory);
    expect(started('a.example')).toEqual(['mandatory', 'admitted']);
    expect(started('b.example')).toEqual(held);
  });

  it('holds back all mail where it was the global file', async () => {
    put('config/tls-peers.ini', mandatory);
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    remove('config/tls-peers.ini');
    for (const sender of ['a.example', 'stranger.example', '']) expect(started(sender)).toEqual(held);
    put('config/tls-peers.ini', mandatory);
    expect(started('stranger.example')).toEqual(['mandatory', 'admitted']);
  });

  it('holds back all mail also where the policies are kept elsewhere, which the global file said', async () => {
    put('config/tls-peers.ini', `${mandatory}[mta_sts]\ndirectory = state/elsewhere\n`);
    await run();
    remove('config/tls-peers.ini');
    expect(started('stranger.example')).toEqual(held);
    remove('mta-sts');
    put('config/tls-peers.ini', `[mta_sts]\ndirectory = state/elsewhere\n`);
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    remove('config/tls-peers');
    remove('mta-sts');
    expect(started('a.example')).toEqual(held);
  });

  it('holds back what is empty now', async () => {
    put('config/tls-peers.ini', mandatory);
    put('config/tls-peers/a.example.ini', mandatory);
    put('config/tls-peers/b.example.ini', mandatory);
    await run();
    put('config/tls-peers/a.example.ini', '');
    expect([started('a.example'), started('b.example')]).toEqual([held, ['mandatory', 'admitted']]);
    put('config/tls-peers.ini', '\n\n');
    expect(started('stranger.example')).toEqual(held);
  });

  it('sends as ever where nothing was there before, or nothing was ever written down', async () => {
    expect(started('stranger.example')).toEqual(['auto', 'admitted']);
    put('config/tls-peers/empty.example.ini', '');
    await run();
    expect(started('empty.example')).toEqual(['auto', 'admitted']);
    remove('config/tls-peers');
    put('config/tls-peers/a.example.ini', mandatory);
    expect(started('a.example')).toEqual(['mandatory', 'admitted']);
  });
});

describe('where what was written down cannot be read', () => {
  const spoil: Record<string, () => void> = {
    damaged: () => put('mta-sts/rules.json', '{"format":1,"glob'),
    'of a later version': () => put('mta-sts/rules.json', '{"format":2}'),
    'a directory': () => mkdirSync(path.join(install, 'mta-sts/rules.json'), { recursive: true }),
    'a link': () => {
      put('other.json', '{"format":1,"global":"absent","domains":[],"acceptedAt":9}');
      mkdirSync(path.join(install, 'mta-sts'));
      symlinkSync('../other.json', path.join(install, 'mta-sts/rules.json'));
    },
    'in a linked directory': () => {
      mkdirSync(path.join(install, 'elsewhere'));
      symlinkSync('elsewhere', path.join(install, 'mta-sts'));
    },
  };

  it.each(Object.entries(spoil))('%s: all mail waits where files may have vanished', (_what, spoiled) => {
    spoiled();
    expect(started('stranger.example')).toEqual(held);
    put('config/tls-peers.ini', mandatory);
    expect(started('stranger.example')).toEqual(held);
    put('config/tls-peers/a.example.ini', mandatory);
    expect([started('stranger.example')[0], started('a.example')[0]]).toEqual(['mandatory', 'mandatory']);
  });

  it('lint names the file, and mends it on demand', async () => {
    spoil['damaged']?.();
    const before = await call(['lint', '--offline', '-c', install]);
    expect(before.code).toBe(1);
    expect(before.out[0]).toMatch(
      /^fault {4}\/.*\/mta-sts\/rules\.json: damaged: whether rules have vanished cannot be told; mend it, or accept that with tls-peers lint --accept-removal$/,
    );
    const after = await call(['lint', '--offline', '--accept-removal', '-c', install]);
    expect([after.code, after.out[0]]).toEqual([0, expect.stringMatching(/^accepted whatever vanished: /)]);
    expect(started('stranger.example')).toEqual(['auto', 'admitted']);
  });
});

describe('lint --accept-removal', () => {
  it('says that nothing has vanished by saying nothing', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    const { code, out } = await call(['lint', '--offline', '--json', '--accept-removal', '-c', install]);
    expect(code).toBe(0);
    expect(JSON.parse(out.join('\n'))).toMatchObject({ accepted: [], faults: [] });
  });

  it('makes an empty file one that is meant to be empty', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    put('config/tls-peers/b.example.ini', mandatory);
    await run();
    put('config/tls-peers/a.example.ini', '');
    remove('config/tls-peers/b.example.ini');
    const { out } = await call(['lint', '--offline', '--json', '--accept-removal', '-c', install]);
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      accepted: ['tls-peers/a.example.ini is empty', 'tls-peers/b.example.ini is gone'],
      faults: [],
    });
    expect([started('a.example')[0], started('b.example')[0]]).toEqual(['auto', 'auto']);
  });

  it.runIf(isRoot)('by root is written as the user that the directory belongs to', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    for (const name of ['mta-sts', 'mta-sts/rules.json']) chownSync(path.join(install, name), nobody, nobody);
    remove('config/tls-peers');
    expect(started('a.example')).toEqual(held);
    const { code } = await call(['lint', '--offline', '--accept-removal', '-c', install]);
    expect([code, process.geteuid?.()]).toEqual([0, 0]);
    const { uid, mode } = lstatSync(path.join(install, 'mta-sts/rules.json'));
    expect([uid, mode & 0o777]).toEqual([nobody, 0o600]);
    expect(started('a.example')).toEqual(['auto', 'admitted']);
  });

  it.runIf(isRoot)('by a stranger is refused, and lint tells what it cannot', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    remove('config/tls-peers');
    process.seteuid?.(nobody);
    try {
      const refused = await call(['lint', '--offline', '--accept-removal', '-c', install]);
      expect(refused.code).toBe(3);
      expect(refused.err[0]).toMatch(/run this as root, or as the user that Haraka runs as$/);
      const plain = await call(['lint', '--offline', '-c', install]);
      expect(plain.code).toBe(0);
      expect(plain.out[0]).toMatch(/^warning .*rules\.json: cannot be read: .*: whether files have vanished/);
    } finally {
      process.seteuid?.(0);
    }
    expect(started('a.example')).toEqual(held);
  });
});

describe('what is written down', () => {
  it('says who else may have to make the directory', async () => {
    put('mta-sts', 'a file');
    const logged: string[] = [];
    const reminder = new Reminder(rulesMemory(install, 'unknown'), {
      ...silent,
      error: (line: string) => void logged.push(line),
    });
    const recollection = {
      kind: 'known',
      remembered: { global: 'written', domains: new Map(), acceptedAt: 0 },
    } as const;
    reminder.begin({ recollection, stateDirectory: 'mta-sts' });
    await expect.poll(() => logged).toHaveLength(1);
    expect(logged[0]).toMatch(
      /^which files with rules there are could not be written down in \/.*\/mta-sts: .*\(as root: .*mta-sts/,
    );
    reminder.end();
  });

  it('gives way to what was accepted meanwhile', async () => {
    put('config/tls-peers.ini', mandatory);
    await run();
    const { memory } = source();
    const directory = path.join(install, 'mta-sts');
    const file = path.join(directory, 'rules.json');
    const newer = { global: 'absent', domains: new Map(), acceptedAt: 5 } as const;
    await memory.write(directory, newer);
    const text = readFileSync(file, 'utf8');
    await memory.write(directory, { global: 'lost', domains: new Map(), acceptedAt: 4 });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe('a file that a newer version of the suite wrote', () => {
  const file = 'mta-sts/rules.json';
  const newer = '{"format":2,"rules":"in another form"}\n';

  it('is not replaced, and whoever would write is told so', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    put(file, newer);
    const { memory } = source();
    const written = memory.write(path.join(install, 'mta-sts'), {
      global: 'absent',
      domains: new Map(),
      acceptedAt: 0,
    });
    await expect(written).rejects.toThrow(/rules\.json: it was written by a newer version of this suite/);
    expect(readFileSync(path.join(install, file), 'utf8')).toBe(newer);
  });

  it('may tell of rules that are gone: mail waits', async () => {
    put('config/tls-peers/a.example.ini', mandatory);
    await run();
    put(file, newer);
    remove('config/tls-peers');
    expect(started('a.example')).toEqual(held);
  });
});
