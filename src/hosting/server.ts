/**
 * Hosting: the MTA-STS policies of our own domains, served to senders over HTTPS (RFC 8461 section 3.3).
 *
 * A domain that publishes a policy names its id in a TXT record and serves the file at
 * `https://mta-sts.<domain>/.well-known/mta-sts.txt`, with a certificate for that name. The text and its id are made from the
 * settings (`policy_text`), and a request is answered from a catalogue without any I/O (`answer`). This file keeps the listeners
 * and the certificates as settings and files change. `rollout` says what would keep mail from a domain that enforces its policy.
 */
import type { Log } from '../log';
import type { Settings } from '../settings/schema/types';
import type { Endpoint } from '../settings/schema/values';
import { messageOf } from '../text';
import { answer } from './answer';
import { hostedFiles, type Catalogue } from './catalogue';
import { Certificates } from './certificates';
import { PolicyListener, type ListenerLimits } from './listener';

export interface PolicyServerOptions {
  readonly settings: () => Settings;
  /** Haraka's config directory. */
  readonly configDirectory: string;
  readonly log: Log;
  readonly limits?: Partial<ListenerLimits>;
  /** Milliseconds between two looks at settings and certificates; 2 s where absent. */
  readonly lookMs?: number;
}

/** For answers under way at a port that is given up. */
const graceMs = 2_000;

export class PolicyServer {
  readonly certificates: Certificates;
  readonly #listeners = new Map<string, PolicyListener>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #firstLook: Promise<void> = Promise.resolve();
  #known: { settings: Settings; catalogue: Catalogue } | undefined;
  #lastProblem: string | undefined;
  readonly #options: PolicyServerOptions;

  constructor(options: PolicyServerOptions) {
    this.#options = options;
    this.certificates = new Certificates(options.configDirectory, options.log);
  }

  /** Binds its ports before it returns to the event loop; resolves once the certificates are read as well. */
  start(): Promise<void> {
    this.#openAndClose();
    this.#timer ??= setInterval(() => void this.#look(), this.#options.lookMs ?? 2_000);
    this.#timer.unref();
    const look = this.#look();
    this.#firstLook = look;
    return look;
  }

  /** What is served now. */
  catalogue(): Catalogue {
    const settings = this.#options.settings();
    if (this.#known?.settings !== settings) this.#known = { settings, catalogue: hostedFiles(settings) };
    return this.#known.catalogue;
  }

  /** Those that listen, in no particular order. */
  addresses(): { readonly scheme: 'https' | 'http'; readonly address: string; readonly port: number }[] {
    return [...this.#listeners].flatMap(([key, listener]) => {
      const at = listener.address();
      const scheme = key.startsWith('https ') ? ('https' as const) : ('http' as const);
      return at === undefined ? [] : [{ scheme, address: at.address, port: at.port }];
    });
  }

  /** Resolves once nothing is left; what is being answered has `graceMs` for it. */
  async close(graceMs = 0): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const closing = [...this.#listeners.values()].map((listener) => listener.close(graceMs));
    this.#listeners.clear();
    await Promise.all([...closing, this.#looking]);
  }

  /** One look after the other, so that an earlier one cannot undo what a later one has seen. */
  #look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookOnce());
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    try {
      if (this.#timer !== undefined) this.#openAndClose();
      const { certificateDirectory, listen } = this.#options.settings().global.hosting;
      // Plain HTTP needs none; a proxy has them.
      if (listen.length > 0) {
        await this.certificates.refresh(this.catalogue(), certificateDirectory, new Date());
      }
      this.#lastProblem = undefined;
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#lastProblem)
        this.#options.log.error(`the certificates could not be read: ${problem}`);
      this.#lastProblem = problem;
    }
  }

  #openAndClose(): void {
    const { listen, listenHttp } = this.#options.settings().global.hosting;
    const wanted = new Map<string, () => PolicyListener>();
    const all = [...listen, ...listenHttp];
    for (const one of listen) wanted.set(keyOf('https', one), () => this.#open('https', one, all));
    for (const one of listenHttp) wanted.set(keyOf('http', one), () => this.#open('http', one, all));
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      this.#listeners.delete(key);
      void listener.close(graceMs);
    }
    for (const [key, open] of wanted) if (!this.#listeners.has(key)) this.#listeners.set(key, open());
  }

  #open(scheme: 'https' | 'http', { address, port }: Endpoint, all: readonly Endpoint[]): PolicyListener {
    const { log, limits = {} } = this.#options;
    return new PolicyListener({
      scheme,
      address,
      port,
      // Alone, `[::]` takes IPv4 as well; beside `0.0.0.0` it would find the port taken.
      family: all.some((one) => one.address === '0.0.0.0' && one.port === port) ? 'own' : 'any',
      answer: (asked) => answer(this.catalogue(), asked),
      // A client that comes while the certificates are still being read waits for them.
      contextFor: (name) => this.#firstLook.then(() => this.certificates.contextFor(name)),
      log,
      limits,
    });
  }
}

function keyOf(scheme: string, { address, port }: Endpoint): string {
  return `${scheme} ${address} ${port}`;
}
