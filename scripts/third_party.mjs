import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The licences of the packages whose code is in a bundle. Throws where one of them has no licence text.
 *
 * @param {string} root the directory that holds node_modules
 * @param {Iterable<string>} inputs the files in the bundle, as esbuild's metafile names them
 */
export function thirdPartyNotices(root, inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found !== null) packages.add(found[1]);
  }
  const notices = [...packages].sort().map((folder) => notice(path.join(root, folder)));
  return ['The files in dist/ contain code of these packages, under these licences.\n', ...notices].join(
    '\n',
  );
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((one) => /^licen[cs]e(?:-mit)?(?:\.\w+)?$/i.test(one));
  if (file === undefined) throw new Error(`${name} has no licence text`);
  const text = readFileSync(path.join(folder, file), 'utf8').trim();
  return `${'-'.repeat(72)}\n${name} ${version} (${license})\n\n${text}\n`;
}
