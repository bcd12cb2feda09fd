import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { folders } from './scripts/architecture/folders.mjs';
import { architecture } from './scripts/architecture/rules.mjs';

const pureFolders = Object.keys(folders).filter((name) => folders[name].kind === 'pure');

/** Edges that stand in a pure folder, with an entry of their own. */
const edgesWithin = Object.keys(folders).filter(
  (name) => folders[name].kind !== 'pure' && pureFolders.some((folder) => name.startsWith(`${folder}/`)),
);

const nodeGlobals = {
  Buffer: 'readonly',
  console: 'readonly',
  process: 'readonly',
  require: 'readonly',
  module: 'writable',
  exports: 'writable',
  setTimeout: 'readonly',
  clearTimeout: 'readonly',
  URL: 'readonly',
  __dirname: 'readonly',
};

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', '/outbound/', '/inbound/', '/hosting/', '/web/'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { architecture },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      // One way to import types, and one to hide state; `npx eslint --fix .` brings a file in line.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      'architecture/one-import': 'error',
      'architecture/hash-for-private': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts', 'plugins/**/*.ts'],
    rules: { 'architecture/direction': 'error', 'architecture/no-cycle': 'error' },
  },
  {
    // Decisions are pure: no I/O, no timers, no clock. Types may come from anywhere that the folder may use.
    files: pureFolders.map((folder) => `${folder}/**/*.ts`),
    ignores: edgesWithin.map((folder) => `${folder}/**/*.ts`),
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'node:net', allowImportNames: ['isIP', 'isIPv4', 'isIPv6'] }],
          patterns: [
            {
              regex: '^node:(fs|dgram|dns|http|https|tls|timers|child_process|worker_threads|cluster)',
              allowTypeImports: true,
            },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'performance',
        'process',
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'Take the time as an argument.',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Take the time as an argument.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'haraka-test-harness/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['test/**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(?:do)?[mM]ock$/]",
          message:
            'The files of one worker share their modules: vi.spyOn ends with its file, a mock does not.',
        },
      ],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: nodeGlobals },
  },
);
