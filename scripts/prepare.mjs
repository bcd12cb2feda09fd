// Makes a fresh clone ready for `npm start` and `npm test`: installs the locked dependencies where they are
// missing or older than the lock file, and builds the bundle. Needs nothing but Node itself.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function modified(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

const installed = modified(path.join(root, 'node_modules/.package-lock.json'));
if (installed === 0 || installed < modified(path.join(root, 'package-lock.json')) - 2000) {
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
run(process.execPath, [path.join(root, 'scripts/build.mjs')]);
