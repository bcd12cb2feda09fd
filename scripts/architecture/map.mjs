// The map of docs/architecture.md, written from folders.mjs.
import { folders } from './folders.mjs';

const begin = '<!-- map: generated from scripts/architecture/folders.mjs by npm run tree -- --write -->';
const end = '<!-- map: end -->';
const width = 118;

/** `page` with its map renewed. */
export function renewMap(page) {
  const [start, stop] = [page.indexOf(begin), page.indexOf(end)];
  if (start === -1 || stop < start) throw new Error('the page lacks the comments of its map');
  return `${page.slice(0, start + begin.length)}\n\n\`\`\`text\n${mapText()}\`\`\`\n\n${page.slice(stop)}`;
}

function mapText() {
  return Object.entries(folders)
    .map(([name, { about, uses, kind }]) => {
      const what = kind === 'pure' ? `${about}. Pure` : about;
      const lines = [`${label(name).padEnd(20)}${what}`];
      if (uses.length > 0) lines.push(...wrapped(uses.map(label)));
      return `${lines.join('\n')}\n`;
    })
    .join('');
}

/** Below `src/`, as the reader of the page names it. */
function label(name) {
  const short = name.replace(/^src\//, '');
  return name.endsWith('.ts') ? short : `${short}/`;
}

function wrapped(words) {
  const lines = ['    uses'];
  for (const word of words) {
    const last = `${lines.at(-1)} ${word}`;
    if (last.length <= width) lines[lines.length - 1] = last;
    else lines.push(`         ${word}`);
  }
  return lines;
}
