/** The built command as a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const program = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');

test('a reader that goes away early ends it without a word', async () => {
  const child = spawn(process.execPath, [program, 'help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Nobody reads any more long before the first line is written.
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  expect({ said, code: child.exitCode }).toEqual({ said: '', code: 3 });
});

test.skipIf(!existsSync('/dev/full'))('a disk that is full is said in one line', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [program, 'help'], { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  expect({ said, code: child.exitCode }).toEqual({
    said: 'tls-peers: ENOSPC: no space left on device, write\n',
    code: 3,
  });
});
