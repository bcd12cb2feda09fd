/** Hosts of a fleet as far as the record goes: a directory each, and one Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectFleet, type FleetRedis } from '../../src/fleet/connection';
import { EvidencePublisher, type PublisherOptions } from '../../src/fleet/evidence/publisher';
import { createFleetReader, type FleetReader } from '../../src/fleet/evidence/reader';
import type { Secrets } from '../../src/fleet/secret';
import { silent } from '../../src/log';
import type { Day } from '../../src/peers/day';
import { presentOwner } from '../../src/state/owner';

export const place = {
  host: '127.0.0.1',
  port: 6379,
  path: '',
  tls: false,
  username: '',
  password: '',
  database: 0,
  url: '',
};

export function connectTo(port: number, prefix: string): FleetRedis {
  return connectFleet({ server: { ...place, port }, prefix, log: silent });
}

export class FleetHost {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-fleet-'));
  readonly redis: FleetRedis;
  readonly name: string;
  now = new Date('2026-11-29T12:00:00Z');
  readonly secrets: Secrets | undefined;
  #publisher: EvidencePublisher | undefined;

  constructor(redis: FleetRedis, name: string, secret?: string) {
    this.redis = redis;
    this.name = name;
    this.secrets = secret === undefined ? undefined : [secret];
  }

  get publisher(): EvidencePublisher {
    this.#publisher ??= this.#open({});
    return this.#publisher;
  }

  /** A new process takes over. */
  restart(options: Partial<PublisherOptions> = {}): void {
    this.#publisher?.close();
    this.#publisher = this.#open(options);
  }

  #open(options: Partial<PublisherOptions>): EvidencePublisher {
    return new EvidencePublisher({
      redis: this.redis,
      directory: this.directory,
      owner: presentOwner(),
      log: silent,
      days: 30,
      now: () => this.now,
      host: this.name,
      secrets: this.secrets,
      // What is looked at is looked at when the test says so.
      interval: 3_600_000,
      ...options,
    });
  }

  reader(today: Day): FleetReader {
    return createFleetReader({
      redis: this.redis,
      local: { directory: this.directory, owner: presentOwner(), today },
      secrets: this.secrets,
    });
  }

  end(): void {
    this.#publisher?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
