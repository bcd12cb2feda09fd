// `npm run tree`: files and lines of each folder, the largest files, and cycles. With --write it renews the map in
// docs/architecture.md; with --check it prints only what is wrong, and fails where something is.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { folders } from './folders.mjs';
import { condensed, cyclesIn, importGraph, root, sourceFiles } from './imports.mjs';
import { renewMap } from './map.mjs';
import { folderOf, forbiddenBecause } from './rules.mjs';

const largestShown = 10;
const page = path.join(root, 'docs/architecture.md');

const files = sourceFiles().map((file) => ({
  file,
  lines: readFileSync(path.join(root, file), 'utf8').split('\n').length - 1,
}));
const graph = importGraph();
/** `src/settings/load/file.ts` is in `src/settings`, which is finer in folders.mjs. */
const topFolder = (file) =>
  file
    .split('/')
    .slice(0, file.startsWith('src/') ? 2 : 1)
    .join('/');
const found = {
  'cycles between files': cyclesIn(graph),
  'cycles between folders': cyclesIn(condensed(graph, topFolder)),
  'cycles between the folders of the map': cyclesIn(condensed(graph, folderOf)),
};

const names = Object.keys(folders);
const wrong = [
  ...Object.entries(found).flatMap(([what, cycles]) =>
    cycles.map((members) => `${what}: ${members.join(', ')}`),
  ),
  ...[...graph].flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const because = forbiddenBecause(file, target);
      return because === undefined ? [] : [`${file}: ${because}`];
    }),
  ),
  ...names.flatMap((name, index) =>
    folders[name].uses
      .filter((used) => !names.slice(index + 1).includes(used))
      .map((used) => `folders.mjs: ${name} uses ${used}, which does not stand below it`),
  ),
  ...unusedDirections(),
];

function unusedDirections() {
  const edges = condensed(graph, folderOf);
  return names.flatMap((name) =>
    folders[name].uses
      .filter((used) => !edges.get(name)?.has(used))
      .map((used) => `folders.mjs: ${name} does not need ${used}`),
  );
}

const text = readFileSync(page, 'utf8');
if (process.argv.includes('--write')) writeFileSync(page, renewMap(text));
else if (renewMap(text) !== text)
  wrong.push('docs/architecture.md: its map is not that of folders.mjs; npm run tree -- --write');

if (!process.argv.includes('--check')) report();
for (const line of wrong) console.error(line);
process.exitCode = wrong.length === 0 ? 0 : 1;

function report() {
  const sums = new Map();
  for (const { file, lines } of files) {
    const folder = topFolder(file);
    const sum = sums.get(folder) ?? { files: 0, lines: 0 };
    sums.set(folder, { files: sum.files + 1, lines: sum.lines + lines });
  }
  row('files', 'lines', 'folder');
  for (const [folder, { files: count, lines }] of sums) row(count, lines, folder);
  row(
    files.length,
    files.reduce((sum, { lines }) => sum + lines, 0),
    'all',
  );
  console.log(`\nthe largest ${largestShown}`);
  for (const { file, lines } of files.sort((a, b) => b.lines - a.lines).slice(0, largestShown))
    row('', lines, file);
  console.log('');
  for (const [what, cycles] of Object.entries(found)) console.log(`${what}: ${cycles.length}`);
}

function row(first, second, name) {
  console.log(`${String(first).padStart(6)} ${String(second).padStart(6)}  ${name}`);
}
