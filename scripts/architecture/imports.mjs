// Which file imports which, read from the text of the files. Types count as well: a cycle of types is one for the reader.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The files that the map is about, relative to the root. */
export function sourceFiles() {
  return ['plugins', 'src']
    .flatMap((top) => readdirSync(path.join(root, top), { recursive: true }).map((name) => `${top}/${name}`))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .sort();
}

/** The file that `specifier` means in `file`; `undefined` for a package and for what is no TypeScript. @returns {string | undefined} */
export function resolved(file, specifier) {
  if (!specifier.startsWith('.') || specifier.endsWith('.json')) return undefined;
  return `${path.posix.join(path.posix.dirname(file), specifier)}.ts`;
}

const importing = /^(?:import|export)\b[^'";]*?\bfrom '([^']+)'/gm;

/** Every file with those that it imports. @returns {Map<string, string[]>} */
export function importGraph(
  files = sourceFiles(),
  read = (file) => readFileSync(path.join(root, file), 'utf8'),
) {
  return new Map(
    files.map((file) => {
      const found = [...read(file).matchAll(importing)].map(([, specifier]) => resolved(file, specifier));
      return [file, [...new Set(found.filter((one) => one !== undefined))]];
    }),
  );
}

/** The same between what `of` makes of the files. */
export function condensed(graph, of) {
  const edges = new Map();
  for (const [file, targets] of graph) {
    const from = of(file);
    const to = edges.get(from) ?? new Set();
    for (const target of targets) if (of(target) !== from) to.add(of(target));
    edges.set(from, to);
  }
  return edges;
}

/** Groups whose members lead to each other (Tarjan's strongly connected components, of more than one member). */
export function cyclesIn(graph) {
  const order = new Map();
  const lowest = new Map();
  const stack = [];
  const cycles = [];
  const visit = (node) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const members = stack.splice(stack.indexOf(node));
    if (members.length > 1) cycles.push(members.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}
