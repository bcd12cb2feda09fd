/** The record of the fleet: this host adds its own to it, and reads that of all. */
import type { FileReaderOptions } from '../../evidence/store/file_reader';
import type { FleetRedis } from '../connection';
import type { Secrets } from '../secret';
import { EvidencePublisher, type PublisherOptions } from './publisher';
import { createFleetReader, type FleetReader } from './reader';

export interface FleetRecord {
  /**
   * `signed`: it counts what hosts have written that have the secret. `unsigned`: it counts what anybody has written who can write
   * to Redis, which is for looking at, and no ground for a rule.
   */
  readonly trust: 'signed' | 'unsigned';
  reader(local: FileReaderOptions): FleetReader;
  /** Keeps a copy of this host's record in Redis until it is closed. One process does it for all. */
  publish(of: Pick<PublisherOptions, 'directory' | 'owner' | 'days' | 'log' | 'now'>): EvidencePublisher;
}

export function fleetRecord(redis: FleetRedis, host: string, secrets: Secrets | undefined): FleetRecord {
  return {
    trust: secrets === undefined ? 'unsigned' : 'signed',
    reader: (local) => createFleetReader({ redis, local, secrets }),
    publish: (of) => new EvidencePublisher({ ...of, redis, host, secrets }),
  };
}
