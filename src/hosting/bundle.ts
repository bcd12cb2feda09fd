/** What the running Haraka needs of hosting, in a file of its own: see bundles.ts. */
import type { Resolver } from '../dns/resolver';
import type { Log } from '../log';
import type { Settings } from '../settings/schema/types';
import { PolicyServer } from './server';
import { RolloutWatch } from './watch';

export interface HostingOptions {
  readonly settings: () => Settings;
  readonly configDirectory: string;
  readonly log: Log;
  readonly resolver: () => Resolver;
  /** How the watch greets the MX hosts that it looks at. */
  readonly ehloName: () => string;
  /** What others report of the policies, one line each. */
  readonly reported: () => Promise<readonly string[]>;
}

export interface Hosting {
  /** @throws Error what keeps the listeners from being opened */
  serve(): Promise<void>;
  /** Begins to hold policies against what MX hosts show, in one process of all. */
  watch(): void;
  /** @param graceMs how long what is being answered may take */
  close(graceMs: number): Promise<void>;
}

export function openHosting(options: HostingOptions): Hosting {
  const { settings, configDirectory, log, resolver, ehloName, reported } = options;
  const server = new PolicyServer({ settings, configDirectory, log });
  const watch = new RolloutWatch({
    catalogue: () => server.catalogue(),
    certificates: () => server.certificates.inUse(),
    dependencies: () => ({ resolver: resolver(), ehloName: ehloName() }),
    reported,
    log,
  });
  return {
    serve: () => server.start(),
    watch: () => watch.start(),
    close: (graceMs) => {
      watch.close();
      return server.close(graceMs);
    },
  };
}
