/** The project as git keeps it, in which nothing was built. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** What git does not keep. */
const notCloned = new Set(
  [
    ...[
      'node_modules',
      '.git',
      'dist',
      'outbound',
      'inbound',
      'hosting',
      'reports',
      'web',
      'coverage',
      'test-results',
    ],
    'THIRD-PARTY-NOTICES',
  ].map((name) => path.join(root, name)),
);

/** What is bundled, and what bundles it. */
const linked = [
  '@redis/client',
  'dns2',
  'esbuild',
  'get-east-asian-width',
  'haraka-config',
  'lru-cache',
  'mailauth',
  'nodemailer',
  'postal-mime',
  'preact',
  'prom-client',
  'typescript',
  'uplot',
];

/** Writes the clone to `target`, with what its build needs. */
export async function cloneTo(target: string): Promise<void> {
  await cp(root, target, { recursive: true, filter: (source) => !notCloned.has(source) });
  await linkDependencies(path.join(target, 'node_modules'));
}

/**
 * What the build needs, as links of its own in a directory of its own, and marked as just installed: `npm ci` would empty
 * the directory, and must never do so with the one that everything here runs from.
 */
async function linkDependencies(modules: string): Promise<void> {
  await mkdir(modules);
  for (const name of linked) {
    // Of a scope, which is a directory.
    await mkdir(path.dirname(path.join(modules, name)), { recursive: true });
    await symlink(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  await writeFile(path.join(modules, '.package-lock.json'), '{}');
}
