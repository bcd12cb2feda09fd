/** The README and the pages of docs/, as somebody reads them who does what stands there. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Relative to the project, in the order in which a reader comes upon them. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
  'CONTRIBUTING.md',
];

export interface CodeBlock {
  readonly page: string;
  /** What stands behind the fence, such as `ini`; empty where nothing does. */
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
}

export function textOf(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

/** @param language those of one kind; all of them where absent */
export function codeBlocks(page: string, language?: string): CodeBlock[] {
  return [...textOf(page).matchAll(/^( *)```(\w*)\n(.*?)\n\1```$/gms)]
    .map(([, indent = '', kind = '', text = '']) => ({
      page,
      language: kind,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }))
    .filter((block) => language === undefined || block.language === language);
}

/** What stands between backticks in the text itself. */
export function inlineCode(page: string): string[] {
  const prose = textOf(page).replaceAll(/^( *)```\w*\n.*?\n\1```$/gms, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The commands of a block for a shell, one a line and whole: loops and lines that go on are one. */
export function shellCommands({ text }: CodeBlock): string[] {
  const commands: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    open = open === '' ? line : `${open}\n${line}`;
    const isWhole = !/\\$/.test(line) && (!/^for /.test(open) || /^done$/m.test(open));
    if (!isWhole) continue;
    if (open.trim() !== '' && !open.startsWith('#')) commands.push(open);
    open = '';
  }
  if (open !== '') commands.push(open);
  return commands;
}

/** The words of a simple command as a shell has them; a comment behind it is none of them. */
export function shellWords(command: string): string[] {
  const words = command.replace(/(^|\s)#.*$/s, '').match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}
