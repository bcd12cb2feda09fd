/**
 * `npm run test:package-names [-- vitest's arguments]`: everything of `npm test`, once on each package that Haraka is published
 * as. Exit code 0 only if all of it passes on all of them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageNames } from '../../../haraka-test-harness/haraka_directory';
import { installedHaraka } from './installs';

const root = path.resolve(import.meta.dirname, '../../..');
const version = '3.3.4';

async function main(): Promise<void> {
  for (const name of packageNames) {
    const directory = await installedHaraka(version, name);
    const about = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as { name: string };
    process.stdout.write(`${about.name} ${version} in ${directory}\n`);
    const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
    const { status } = spawnSync(process.execPath, [vitest, 'run', ...process.argv.slice(2)], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, LAB_HARAKA: directory },
    });
    if (status !== 0) process.exitCode = 1;
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
