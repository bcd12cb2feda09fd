/** What `import` writes stays readable for the user that Haraka runs as. Taking on another user's id takes root. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replaceFile } from '../../src/cli/replace_file';

const harakas = { uid: 64001, gid: 64002 };
const operators = { uid: 64003, gid: 64003 };

let directory = '';
let file = '';

beforeEach(() => {
  directory = path.join(mkdtempSync(path.join(tmpdir(), 'tls-peers-replace-')), 'tls-peers');
  mkdirSync(directory);
  chmodSync(path.dirname(directory), 0o755);
  chmodSync(directory, 0o777);
  file = path.join(directory, 'example.com.ini');
  writeFileSync(file, 'old');
  chmodSync(file, 0o640);
});

afterEach(() => rmSync(path.dirname(directory), { recursive: true }));

/** Runs `act` as a user that is also in `groups`. */
async function as(
  { uid, gid }: typeof operators,
  groups: readonly number[],
  act: () => Promise<void>,
): Promise<void> {
  const before = process.getgroups?.() ?? [];
  process.setgroups?.([...groups]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(before);
  }
}

describe.skipIf(process.getuid?.() !== 0)('by root', () => {
  test('the file stays with its owner', async () => {
    chownSync(file, harakas.uid, harakas.gid);
    await replaceFile(file, 'new');
    expect([readFileSync(file, 'utf8'), statSync(file)]).toMatchObject([
      'new',
      { ...harakas, mode: 0o100640 },
    ]);
  });

  test('a file that its owner writes stays in its group', async () => {
    chownSync(file, operators.uid, harakas.gid);
    await as(operators, [harakas.gid], () => replaceFile(file, 'new'));
    expect([readFileSync(file, 'utf8'), statSync(file)]).toMatchObject([
      'new',
      { uid: operators.uid, gid: harakas.gid, mode: 0o100640 },
    ]);
  });

  test('what cannot be given back to its owner is not written', async () => {
    chownSync(file, harakas.uid, harakas.gid);
    await as(operators, [harakas.gid], async () => {
      await expect(replaceFile(file, 'new')).rejects.toThrow(
        `${file} could not be written: its owner (uid 64001, gid 64002) cannot be kept: run this as root or as that user`,
      );
    });
    expect([readFileSync(file, 'utf8'), readdirSync(directory)]).toEqual(['old', ['example.com.ini']]);
  });
});
