/** What PEM files hold, parsed once for as long as they do not change on disk. */
import { readPem, type NamedContents, type PemContents, type PemFile } from './pem';
import { readOne, type Seen } from './pem_files';

/** Files parsed before other work has its turn. A thousand at once would keep mail waiting for a second and more. */
const inOneGo = 50;

export interface StoredFiles {
  readonly contents: readonly NamedContents[];
  readonly problems: readonly string[];
}

export class PemStore {
  #known = new Map<string, { readonly stamp: string; readonly contents: PemContents }>();
  readonly #parse: (file: PemFile) => PemContents;

  constructor(parse: (file: PemFile) => PemContents = readPem) {
    this.#parse = parse;
  }

  /** Forgets every file but these. */
  keep(seen: readonly Seen[]): void {
    const paths = new Set(seen.map(({ path }) => path));
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }

  /** What could not be read is read again each time. Reading is what gives way to other work. */
  async read(seen: readonly Seen[]): Promise<StoredFiles> {
    const contents: NamedContents[] = [];
    const problems: string[] = [];
    for (let start = 0; start < seen.length; start += inOneGo) {
      const some = seen.slice(start, start + inOneGo);
      for (const one of await Promise.all(some.map((file) => this.#readOne(file)))) {
        if ('problem' in one) problems.push(one.problem);
        else contents.push(one);
      }
    }
    return { contents, problems };
  }

  async #readOne(file: Seen): Promise<NamedContents | { readonly problem: string }> {
    const known = this.#known.get(file.path);
    if (known?.stamp === file.stamp) return { name: file.name, ...known.contents };
    const read = await readOne(file);
    if ('problem' in read) return read;
    const contents = this.#parse(read);
    this.#known.set(file.path, { stamp: file.stamp, contents });
    return { name: file.name, ...contents };
  }
}
