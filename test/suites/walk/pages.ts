/**
 * What the walk types: nothing but what stands in the documents. A command or a file that no longer stands there ends the walk.
 */
import { codeBlocks, inlineCode, shellCommands } from '../../support/documents';

/** What a reader puts in place of what the pages leave to him. */
export type Placeholders = Readonly<Record<string, string>>;

/** Where things are on the machine of the walk. */
export const places: Placeholders = {
  '/path/to/your/haraka': '/srv/haraka',
  '/path/to/haraka-plugin-tls-peers-': '/srv/clone/haraka-plugin-tls-peers-',
};

/**
 * The command on `page` that begins with `start`, whole, from a block for a shell or from the text.
 *
 * @throws Error where there is none
 */
export function command(page: string, start: string, own: Placeholders = {}): string {
  const candidates = [
    ...codeBlocks(page)
      .filter(({ language }) => language === 'sh' || language === '')
      .flatMap(shellCommands),
    ...inlineCode(page),
  ];
  const found = candidates.find((line) => line.trimStart().startsWith(start));
  if (found === undefined) throw new Error(`${page} has no command that begins with: ${start}`);
  return filledIn(found.trim(), own);
}

/**
 * The file below config/ that `page` shows in the INI block with `mark` in it, without the comment with its name.
 *
 * @throws Error where there is none
 */
export function iniFile(page: string, file: string, mark: string, own: Placeholders = {}): string {
  const name = `; config/${file}`;
  const parts = codeBlocks(page, 'ini').flatMap(({ text }) => text.split(/^(?=; config\/)/m));
  const found = parts.find((text) => text.startsWith(name) && text.includes(mark));
  if (found === undefined) throw new Error(`${page} shows no ${file} with: ${mark}`);
  return filledIn(found.slice(name.length).trim(), own);
}

/** An INI block that is a part of a file and carries no name. @throws Error where there is none */
export function iniPart(page: string, mark: string, own: Placeholders = {}): string {
  const found = codeBlocks(page, 'ini').find(({ text }) => text.includes(mark));
  if (found === undefined) throw new Error(`${page} shows no section with: ${mark}`);
  return filledIn(found.text.replace(/^; config\/.*\n/m, '').trim(), own);
}

/** A line of config/plugins that a block on `page` has. @throws Error where there is none */
export function pluginLine(page: string, name: string): string {
  const listed = codeBlocks(page, '').some(({ text }) => text.split('\n').includes(name));
  if (!listed) throw new Error(`${page} lists no plugin ${name}`);
  return name;
}

/** @throws Error where there is none */
export function unitFile(page: string): string {
  const [unit] = codeBlocks(page, 'systemd');
  if (unit === undefined) throw new Error(`${page} shows no unit`);
  return unit.text;
}

function filledIn(text: string, own: Placeholders): string {
  let filled = text;
  for (const [name, value] of Object.entries({ ...places, ...own })) filled = filled.replaceAll(name, value);
  return filled;
}
