/** What `npm pack` makes of a fresh clone, in which nothing was built. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloneTo } from '../../support/fresh_clone';

const run = promisify(execFile);

describe('the package', () => {
  let directory: string;
  let unpacked: string;
  const read = (file: string) => readFile(path.join(unpacked, file), 'utf8');

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tls-peers-package-'));
    const clone = path.join(directory, 'clone');
    await cloneTo(clone);
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: clone });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    // As npm installs it: by its name, below node_modules.
    const modules = path.join(directory, 'user/node_modules');
    await mkdir(modules, { recursive: true });
    await run('tar', ['-xzf', path.join(directory, filename), '-C', modules]);
    unpacked = path.join(modules, 'haraka-plugin-tls-peers');
    await run('mv', [path.join(modules, 'package'), unpacked]);
  }, 120_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('loads, whole and in pieces, by path and by name', () => {
    const require = createRequire(path.join(directory, 'user/any.js'));
    for (const piece of ['', '/outbound', '/inbound', '/hosting', '/reports', '/web']) {
      const byName: unknown = require(`haraka-plugin-tls-peers${piece}`);
      expect(byName).toHaveProperty('register');
      expect(require(`${unpacked}${piece}`)).toBe(byName);
    }
  });

  it('holds a command that runs', async () => {
    const { stdout } = await run(process.execPath, [path.join(unpacked, 'dist/cli.cjs'), 'help']);
    expect(stdout).toContain('tls-peers COMMAND');
  });

  it('holds every file that its documents link to', async () => {
    const names = await readdir(path.join(unpacked, 'docs'), { recursive: true });
    const documents = names.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
    for (const document of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...documents]) {
      const links = (await read(document)).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g);
      for (const [, target = ''] of links) {
        await expect(
          read(path.join(path.dirname(document), target)),
          `${document}: ${target}`,
        ).resolves.not.toBe('');
      }
    }
  });

  it('holds the page, each file of it compressed', async () => {
    const { files } = JSON.parse(await read('dist/web/manifest.json')) as { files: Record<string, unknown> };
    expect(Object.keys(files)).toContain('index.html');
    let octets = 0;
    for (const name of Object.keys(files))
      octets += (await readFile(path.join(unpacked, 'dist/web', `${name}.br`))).length;
    expect(octets).toBeLessThan(150_000);
  });

  it('holds the licence of each package whose code is in the bundle', async () => {
    const notices = await read('THIRD-PARTY-NOTICES');
    expect(notices).toMatch(/^dns2 \d.* \(MIT\)$/m);
    expect(notices).toMatch(/^haraka-config \d.* \(MIT\)$/m);
    expect(notices).toMatch(/^nodemailer \d.* \(MIT-0\)$/m);
    expect(notices).toMatch(/^lru-cache \d.* \(BlueOak-1\.0\.0\)$/m);
    for (const name of ['preact', 'uplot', 'prom-client', '@redis/client'])
      expect(notices).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(await read('LICENSE')).toContain('MIT License');
  });
});
