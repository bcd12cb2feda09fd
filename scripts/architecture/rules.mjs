// What eslint checks beside its own rules: the directions of folders.mjs, and that things are written in one way.
import path from 'node:path';
import { folders } from './folders.mjs';
import { cyclesIn, importGraph, resolved, root } from './imports.mjs';

const names = Object.keys(folders);

/** The entry of folders.mjs that a file belongs to, or a folder that has none. @returns {string} */
export function folderOf(file) {
  const folder = path.posix.dirname(file);
  if (folder === 'src') return names.includes(file) ? file : folder;
  const holding = names.filter((name) => name !== 'src' && (file === name || file.startsWith(`${name}/`)));
  return holding.sort((a, b) => b.length - a.length)[0] ?? folder;
}

/** Why `file` may not import `target`; `undefined` where it may. @returns {string | undefined} */
export function forbiddenBecause(file, target) {
  const [from, to] = [folderOf(file), folderOf(target)];
  if (from === to || to === 'src') return undefined;
  if (!names.includes(from) || !names.includes(to))
    return `scripts/architecture/folders.mjs has no entry for ${names.includes(from) ? to : from}`;
  return folders[from].uses.includes(to)
    ? undefined
    : `${from} does not use ${to} (scripts/architecture/folders.mjs)`;
}

function relative(file) {
  return path.relative(root, file).split(path.sep).join('/');
}

/** Calls `check` for every import and re-export with a relative path. */
function onImports(check) {
  const look = (node) => {
    if (typeof node.source?.value === 'string') check(node, node.source.value);
  };
  return { ImportDeclaration: look, ExportNamedDeclaration: look, ExportAllDeclaration: look };
}

const direction = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(context.filename);
    return onImports((node, specifier) => {
      const target = resolved(file, specifier);
      const message = target === undefined ? undefined : forbiddenBecause(file, target);
      if (message !== undefined) context.report({ node, message });
    });
  },
};

/** Once for all files of a run; an editor keeps it until it starts eslint anew. */
let cycles;

const noCycle = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(context.filename);
    return onImports((node, specifier) => {
      cycles ??= cyclesIn(importGraph());
      const target = resolved(file, specifier);
      const cycle = cycles.find((members) => members.includes(file) && members.includes(target));
      if (cycle !== undefined)
        context.report({ node, message: `files that lead to each other: ${cycle.join(', ')}` });
    });
  },
};

/** `#name` is hidden from everybody; what is `private` is so only from the compiler. */
const hashForPrivate = {
  meta: { type: 'suggestion', fixable: 'code', schema: [] },
  create(context) {
    const { sourceCode } = context;

    /** `constructor(private readonly x: T)` as a field, a plain parameter and an assignment. */
    function* unfolded(fixer, method) {
      const properties = method.value.params.filter(isPrivate);
      if (properties.length === 0) return;
      const fields = properties.map((property) => {
        const { parameter } = property;
        const declared = parameter.left ?? parameter;
        const modifiers = sourceCode.text.slice(property.range[0], declared.range[0]);
        return `${modifiers.replace(/\bprivate\s+/, '')}#${sourceCode.getText(declared)};\n`;
      });
      const [comment] = sourceCode.getCommentsBefore(method);
      yield fixer.insertTextBefore(comment ?? method, `${fields.join('')}\n`);
      for (const property of properties) {
        yield fixer.replaceText(property, sourceCode.getText(property.parameter));
      }
      const [first] = method.value.body.body;
      const { type } = first?.expression?.callee ?? {};
      const after = type === 'Super' ? first.range[1] : method.value.body.range[0] + 1;
      const assignments = properties.map((one) => ` this.#${nameOf(one)} = ${nameOf(one)};`);
      yield fixer.insertTextAfterRange([after, after], assignments.join(''));
    }

    function* edits(fixer, body, hidden) {
      for (const member of body.body) {
        if (member.kind === 'constructor') yield* unfolded(fixer, member);
        else if (isPrivate(member)) {
          const before = sourceCode.text.slice(member.range[0], member.key.range[0]);
          yield fixer.replaceTextRange(
            [member.range[0], member.key.range[0]],
            `${before.replace(/\bprivate\s+/, '')}#`,
          );
        }
      }
      const text = sourceCode.text.slice(...body.range);
      // A hidden member cannot be taken out of `this` in braces.
      for (const taking of text.matchAll(/\bconst \{ ([^{}]*?),? \} = this;/g)) {
        const taken = taking[1].split(/,\s*/).map((one) => one.split(/:\s*/));
        const plain = taken.filter(([name]) => !hidden.has(name)).map((pair) => pair.join(': '));
        if (plain.length === taken.length) continue;
        const statements = taken
          .filter(([name]) => hidden.has(name))
          .map(([name, local = name]) => `const ${local} = this.#${name};`);
        if (plain.length > 0) statements.push(`const { ${plain.join(', ')} } = this;`);
        const start = body.range[0] + taking.index;
        yield fixer.replaceTextRange([start, start + taking[0].length], statements.join('\n'));
      }
      for (const use of text.matchAll(/\bthis\.(?=([A-Za-z_]\w*))/g)) {
        const at = body.range[0] + use.index + use[0].length;
        if (hidden.has(use[1])) yield fixer.insertTextBeforeRange([at, at], '#');
      }
    }

    return {
      ClassBody(body) {
        const parameters = body.body.flatMap(({ kind, value }) =>
          kind === 'constructor' ? value.params : [],
        );
        const found = [...body.body, ...parameters].filter(isPrivate);
        const [node] = found;
        if (node === undefined) return;
        const hidden = new Set(found.map(nameOf));
        const message = `State is hidden by #: ${[...hidden].join(', ')}`;
        context.report({ node, message, fix: (fixer) => [...edits(fixer, body, hidden)] });
      },
    };
  },
};

function isPrivate({ accessibility, kind }) {
  return accessibility === 'private' && kind !== 'constructor';
}

/** Of a member, or of a parameter that is a property. */
function nameOf({ key, parameter }) {
  return (key ?? parameter.left ?? parameter).name;
}

/** One import for each file: types and values in the same braces, `import type` where there are types alone. */
const oneImport = {
  meta: { type: 'suggestion', fixable: 'code', schema: [] },
  create(context) {
    const { sourceCode } = context;
    const isNamed = ({ specifiers }) =>
      specifiers.length > 0 && specifiers.every(({ type }) => type === 'ImportSpecifier');
    const members = ({ importKind, specifiers }, asTypes) =>
      specifiers.map((one) => {
        const text = sourceCode.getText(one);
        return importKind === 'type' && !asTypes ? `type ${text}` : text;
      });
    return {
      Program({ body }) {
        const first = new Map();
        for (const node of body.filter(({ type }) => type === 'ImportDeclaration').filter(isNamed)) {
          const earlier = first.get(node.source.value);
          if (earlier === undefined) {
            first.set(node.source.value, node);
            continue;
          }
          const asTypes = earlier.importKind === 'type' && node.importKind === 'type';
          const all = [...members(earlier, asTypes), ...members(node, asTypes)].join(', ');
          context.report({
            node,
            message: `${node.source.value} is imported twice.`,
            fix: (fixer) => [
              fixer.replaceText(
                earlier,
                `import ${asTypes ? 'type ' : ''}{ ${all} } from ${node.source.raw};`,
              ),
              fixer.removeRange([node.range[0], node.range[1] + 1]),
            ],
          });
        }
      },
    };
  },
};

export const architecture = {
  rules: { direction, 'no-cycle': noCycle, 'hash-for-private': hashForPrivate, 'one-import': oneImport },
};
