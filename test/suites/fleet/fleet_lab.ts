/** Several Harakas, each with its own disk and workers, in one world and at one Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { buildWorld, type BuiltWorld } from '../../../haraka-test-harness/build_world';
import { startHaraka, type HarakaProcess } from '../../../haraka-test-harness/haraka';
import { startReports, type Outcome, type Reports } from '../../../haraka-test-harness/reports';
import { submit } from '../../../haraka-test-harness/smtp_client';
import type { World } from '../../../haraka-test-harness/world';
import { timingPlugin } from './timing';

export interface FleetHost {
  readonly name: string;
  readonly haraka: HarakaProcess;
  readonly reports: Reports;
  /** Where the child writes how long it decided. */
  readonly timings: string;
  /** Hands over one message; resolves with its id once Haraka has taken it. */
  send(domain: string): Promise<string>;
  /** `send`, and what became of it. */
  deliver(domain: string): Promise<Outcome>;
}

export interface FleetLab {
  readonly world: BuiltWorld;
  readonly hosts: readonly FleetHost[];
  stop(): Promise<void>;
}

export interface FleetLabOptions {
  readonly redisPort: number;
  /** By name; `alone`: without the fleet. */
  readonly hosts: Readonly<Record<string, 'fleet' | 'alone'>>;
  readonly workers: number;
  /** Further sections of a host's tls-peers.ini. */
  readonly settings?: (name: string) => string;
}

const secret = 'c2VjcmV0LW9mLXRoZS1sYWItZm9yLXRoZS1mbGVldA';

export const fleetSecret = [secret] as const;

export async function startFleet(world: World, options: FleetLabOptions): Promise<FleetLab> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-fleet-'));
  const remove = { recursive: true, force: true, maxRetries: 5 } as const;
  const removeNow = (): void => rmSync(directory, remove);
  process.once('exit', removeNow);
  const cleanUp: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of cleanUp.splice(0).reverse()) await step();
    process.removeListener('exit', removeNow);
    await rm(directory, remove);
  };
  try {
    const built = await buildWorld(world);
    cleanUp.push(built.stop);
    const routesFile = path.join(directory, 'routes.json');
    const caFile = path.join(directory, 'lab-ca.pem');
    await writeFile(caFile, built.office.caPem);
    await writeFile(`${routesFile}.new`, JSON.stringify(Object.fromEntries(built.routes)));
    await rename(`${routesFile}.new`, routesFile);
    const hosts: FleetHost[] = [];
    for (const [name, kind] of Object.entries(options.hosts)) {
      const reports = await startReports();
      cleanUp.push(() => reports.stop());
      const install = path.join(directory, name);
      await mkdir(install);
      const timings = path.join(install, 'timings');
      const haraka = await startHaraka(
        {
          workers: options.workers,
          plugins: ['tls-peers', 'timing'],
          ownPlugins: { timing: timingPlugin },
          retryIntervals: '15s*400',
          env: { FLEET_TIMINGS: timings },
          config: {
            'redis.ini': `[server]\nhost = 127.0.0.1\nport = ${options.redisPort}\n`,
            'fleet.key': `${secret}\n`,
            'tls-peers.ini': settingsOf(name, kind, options.settings?.(name) ?? ''),
            'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = auto\n',
          },
        },
        { directory: install, routesFile, caFile, dnsAddress: built.dns.address, reports },
      );
      cleanUp.push(() => haraka.stop());
      hosts.push(hostOf(name, haraka, reports, timings));
    }
    return { world: built, hosts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settingsOf(name: string, kind: 'fleet' | 'alone', more: string): string {
  const timeouts = '[timeouts]\ntls_handshake = 20\n';
  const delivery = '[delivery]\nreuse_connections = false\n';
  const fleet = kind === 'fleet' ? `[fleet]\nredis = true\nname = ${name}\nkey_file = fleet.key\n` : '';
  return `${timeouts}${delivery}${fleet}${more}`;
}

function hostOf(name: string, haraka: HarakaProcess, reports: Reports, timings: string): FleetHost {
  const send = async (domain: string): Promise<string> => {
    const id = randomUUID();
    await submit({
      port: haraka.port,
      from: 'me@ours.example',
      to: [`you@${domain}`],
      data: `Lab-Message-Id: ${id}\r\nSubject: one of many\r\n\r\nHello.\r\n`,
      timeoutMs: 60_000,
    });
    return id;
  };
  const deliver = async (domain: string): Promise<Outcome> =>
    reports.outcome(await send(domain), { timeoutMs: 60_000 });
  return { name, haraka, reports, timings, send, deliver };
}
