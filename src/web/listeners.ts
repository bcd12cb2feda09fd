/** The listeners that `[web] listen` names, as it stands now, with their certificate as it is on disk. */
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Log } from '../log';
import type { GlobalSettings } from '../settings/schema/types';
import { messageOf, printable } from '../text';
import { WebListener } from './listener';

export interface WebListenersOptions {
  readonly web: () => GlobalSettings['web'];
  readonly configDirectory: string;
  readonly handler: RequestListener;
  readonly log: Log;
}

const lookMs = 2_000;

export class WebListeners {
  readonly #options: WebListenersOptions;
  readonly #open = new Map<string, WebListener>();
  #timer: NodeJS.Timeout | undefined;
  /** The texts of the pair in use. */
  #pair: { readonly cert: string; readonly key: string } | undefined;
  #said = '';

  constructor(options: WebListenersOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#look();
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closing = [...this.#open.values()].map((listener) => listener.close());
    this.#open.clear();
    await Promise.all(closing);
  }

  #look(): void {
    const { enabled, listen, certificateFile } = this.#options.web();
    const scheme = certificateFile === '' ? 'http' : 'https';
    const wanted = new Map((enabled ? listen : []).map((at) => [`${scheme} ${at.address} ${at.port}`, at]));
    for (const [key, listener] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      void listener.close();
    }
    if (wanted.size === 0) return;
    // Without a certificate there is no listener: never HTTP where HTTPS was asked for.
    const pair = scheme === 'http' ? 'plain' : this.#renewed();
    if (pair === undefined) return;
    const { handler, log } = this.#options;
    for (const [key, at] of wanted)
      if (!this.#open.has(key)) this.#open.set(key, new WebListener({ ...at, handler, pair, log }));
  }

  /** What was good stays in use until something good takes its place. */
  #renewed(): SecureContextOptions | undefined {
    const { configDirectory, web, log } = this.#options;
    const { certificateFile, keyFile } = web();
    try {
      const read = (name: string) => readFileSync(path.resolve(configDirectory, name), 'utf8');
      const pair = { cert: read(certificateFile), key: read(keyFile === '' ? certificateFile : keyFile) };
      if (pair.cert !== this.#pair?.cert || pair.key !== this.#pair.key) {
        createSecureContext(pair);
        for (const listener of this.#open.values()) listener.renew(pair);
        this.#pair = pair;
      }
      this.#said = '';
    } catch (error) {
      const fault = printable(messageOf(error));
      if (fault !== this.#said) log.error(`page: certificate_file cannot be used: ${fault}`);
      this.#said = fault;
    }
    return this.#pair;
  }
}
