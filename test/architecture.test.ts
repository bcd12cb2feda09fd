/** The map of the folders: what holds imports to it, and what tells of cycles. */
import { Linter } from 'eslint';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parser } from 'typescript-eslint';
import { cyclesIn, importGraph } from '../scripts/architecture/imports.mjs';
import { renewMap } from '../scripts/architecture/map.mjs';
import { architecture, forbiddenBecause } from '../scripts/architecture/rules.mjs';

const root = path.resolve(import.meta.dirname, '..');

test.each([
  ['src/policy/decide.ts', 'src/dane/records.ts', undefined],
  ['src/policy/decide.ts', 'src/policy/tables.ts', undefined],
  ['src/policy/decide.ts', 'src/text.ts', undefined],
  ['src/dane/verify.ts', 'src/policy/requirement.ts', /src\/dane does not use src\/policy/],
  ['src/settings/load/load.ts', 'src/settings/checks/checks.ts', /load does not use src\/settings\/checks/],
  ['src/peers/rules.ts', 'src/nowhere/x.ts', /no entry for src\/nowhere/],
])('%s may import %s: unless %s', (file, target, because) => {
  const found = forbiddenBecause(file, target);
  if (because === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(because);
});

test('files that lead to each other are one cycle, and types count', () => {
  const texts: Record<string, string> = {
    'a.ts': "import { b } from './b';\n",
    'b.ts': "import type {\n  C,\n} from './c';\n",
    'c.ts': "export { a } from './a';\n",
    'd.ts': "import { a } from './a';\n",
  };
  const graph = importGraph(Object.keys(texts), (file: string) => texts[file] ?? '');
  expect(cyclesIn(graph)).toEqual([['a.ts', 'b.ts', 'c.ts']]);
});

test('the map in the documentation is the one that lint holds imports to', () => {
  const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
  expect(renewMap(page)).toBe(page);
});

describe('eslint --fix', () => {
  const fixed = (text: string) => {
    const rules = { 'architecture/one-import': 'error', 'architecture/hash-for-private': 'error' } as const;
    const config = { files: ['**/*.ts'], languageOptions: { parser }, plugins: { architecture }, rules };
    return new Linter().verifyAndFix(text, [config], { filename: 'x.ts' }).output;
  };

  test('imports types and values of a file at once', () => {
    expect(fixed("import { a } from './a';\nimport type { B } from './a';\n")).toBe(
      "import { a, type B } from './a';\n",
    );
    expect(fixed("import type { A } from './a';\nimport type { B } from './a';\n")).toBe(
      "import type { A, B } from './a';\n",
    );
  });

  test('hides members by #, those of the constructor too', () => {
    const text = `class A {
  private readonly kept = new Map<string, B>();

  /** Makes one. */
  constructor(private readonly log: Log, b = 1) {
    this.kept.set('b', b);
  }

  private say(): void {
    const { log, other } = this;
    this.log.info(\`\${this.kept.size}\`);
  }
}
`;
    expect(fixed(text)).toBe(`class A {
  readonly #kept = new Map<string, B>();

  readonly #log: Log;

/** Makes one. */
  constructor(log: Log, b = 1) { this.#log = log;
    this.#kept.set('b', b);
  }

  #say(): void {
    const log = this.#log;
const { other } = this;
    this.#log.info(\`\${this.#kept.size}\`);
  }
}
`);
  });
});
