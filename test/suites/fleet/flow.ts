/** Mail that flows all the time: the same to every host, at fixed times, whatever became of that before. */
import type { FleetHost } from './fleet_lab';

export class Flow {
  readonly #hosts: readonly FleetHost[];
  readonly #next: () => string;
  readonly #sending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  readonly sent: { readonly host: string; readonly id: string; readonly domain: string }[] = [];
  readonly refused: string[] = [];

  /** @param next the domain of the next message */
  constructor(hosts: readonly FleetHost[], next: () => string) {
    this.#hosts = hosts;
    this.#next = next;
  }

  /** @param rate messages a second to each host */
  start(rate: number): void {
    this.#timer = setInterval(() => {
      const domain = this.#next();
      for (const host of this.#hosts) {
        const sending = this.#send(host, domain).finally(() => this.#sending.delete(sending));
        this.#sending.add(sending);
      }
    }, 1000 / rate);
  }

  /** Resolves when all that was begun is with Haraka. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sending);
  }

  async #send(host: FleetHost, domain: string): Promise<void> {
    try {
      const id = await host.send(domain);
      this.sent.push({ host: host.name, id, domain });
    } catch (error) {
      this.refused.push(`${host.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
