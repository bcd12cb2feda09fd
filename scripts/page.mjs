// Builds the page that browsers see into dist/web: files whose names change with what is in them, compressed, and a list of
// them that the running Haraka goes by.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** What is shown to those who are not let in yet. */
const openEntries = ['login'];
const pages = ['index.html', 'login.html', 'refused.html', 'again.html'];

/**
 * @param {string} root of the checkout
 * @returns {Promise<string[]>} the files that went in, as esbuild's metafile names them
 */
export async function buildPage(root) {
  const source = path.join(root, 'src/web/page');
  const target = path.join(root, 'dist/web');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: {
      app: 'src/web/page/main.tsx',
      login: 'src/web/page/login.ts',
      style: 'src/web/page/style.css',
    },
    entryNames: '[name]-[hash]',
    outdir: 'dist/web',
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const files = {};
  const names = {};
  for (const { path: file, contents } of outputFiles) {
    const name = path.basename(file);
    const [, entry, extension] = /^(\w+)-[A-Z0-9]+(\.\w+)$/.exec(name);
    names[`${entry}${extension}`] = name;
    // The style is of the log-in as well.
    const open = openEntries.includes(entry) || entry === 'style';
    add(name, Buffer.from(contents), { type: types[extension], lasting: true, open });
  }
  for (const page of pages) {
    const text = readFileSync(path.join(source, page), 'utf8').replaceAll(/\{\{([\w.]+)\}\}/g, (_, name) => {
      if (names[name] === undefined) throw new Error(`${page}: there is no ${name}`);
      return `/tls-peers/${names[name]}`;
    });
    add(page, Buffer.from(text), { type: types['.html'], lasting: false, open: false });
  }
  writeFileSync(path.join(target, 'manifest.json'), JSON.stringify({ files }, null, 2));
  return Object.keys(metafile.inputs);

  function add(name, contents, about) {
    files[name] = about;
    writeFileSync(path.join(target, name), contents);
    writeFileSync(path.join(target, `${name}.gz`), gzipSync(contents, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
    writeFileSync(path.join(target, `${name}.br`), brotliCompressSync(contents, { params }));
  }
}
