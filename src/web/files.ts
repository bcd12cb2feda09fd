/** The files of the page, which the build has made and compressed. Read when they are first asked for. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Answer } from './shared/answer';

interface Listed {
  readonly type: string;
  /** Its name changes with what is in it. */
  readonly lasting: boolean;
  /** Whether it is of the log-in, and shown to everybody. */
  readonly open: boolean;
}

export interface Manifest {
  readonly files: Readonly<Record<string, Listed>>;
}

export class PageFiles {
  readonly #directory: string;
  #manifest: Manifest | undefined;
  readonly #read = new Map<string, Buffer>();

  /** @param directory dist/web */
  constructor(directory: string) {
    this.#directory = directory;
  }

  isOpen(name: string): boolean {
    return this.#listed(name)?.open === true;
  }

  /** @param accepts the Accept-Encoding header */
  answer(name: string, accepts: string): Answer | undefined {
    const listed = this.#listed(name);
    if (listed === undefined) return undefined;
    const encoding = encodingFor(accepts);
    const headers = {
      'Content-Type': listed.type,
      Vary: 'Accept-Encoding',
      ...(listed.lasting ? { 'Cache-Control': 'private, max-age=31536000, immutable' } : {}),
      ...(encoding === '' ? {} : { 'Content-Encoding': encoding }),
    };
    return { status: 200, headers, body: this.#bytes(name + (suffixes[encoding] ?? '')) };
  }

  #listed(name: string): Listed | undefined {
    this.#manifest ??= JSON.parse(
      readFileSync(path.join(this.#directory, 'manifest.json'), 'utf8'),
    ) as Manifest;
    const { files } = this.#manifest;
    return Object.hasOwn(files, name) ? files[name] : undefined;
  }

  #bytes(name: string): Buffer {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const bytes = readFileSync(path.join(this.#directory, name));
    this.#read.set(name, bytes);
    return bytes;
  }
}

const suffixes: Readonly<Record<string, string>> = { br: '.br', gzip: '.gz' };

function encodingFor(accepts: string): '' | 'br' | 'gzip' {
  const named = new Set(accepts.split(',').map((one) => one.split(';')[0]?.trim().toLowerCase()));
  return named.has('br') ? 'br' : named.has('gzip') ? 'gzip' : '';
}
