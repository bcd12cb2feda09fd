/** A real Haraka, with or without the suite. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { startHaraka } from '../../haraka-test-harness/haraka';
import { startReports } from '../../haraka-test-harness/reports';
import { securityLevels } from '../../src/peers/rule';
import { domainFile, ownDomain } from '../decision/suite';
import { inject, tell } from './injector';
import { processorMsOf } from './processor';
import { connections, type Subject } from './subject';
import type { Surroundings } from './surroundings';

export interface HarakaKind {
  readonly software: 'haraka';
  /** `reuse`: as it is by default. */
  readonly suite: 'none' | 'without_reuse' | 'reuse';
  /** Workers; 0 is one process. */
  readonly nodes: number;
  /** The bundle of another state of the suite. */
  readonly bundle?: string;
  /** `off`: what happens is not counted. */
  readonly evidence?: 'off';
  /** Sessions are counted for the TLS reports to their peers. */
  readonly tlsReports?: 'counted';
  /** Whether it tells how long messages wait before their first connection. */
  readonly waits: 'kept' | 'forgotten';
}

const reportsIni =
  '[tls_reports]\norganization = Bench\ncontact = me@stock.example\nfrom = tls@stock.example\n';

export interface HarakaSubject extends Subject {
  /** Profiles what it does while `work` goes on. @returns the file with the profile, as Node writes them */
  profiled(work: () => Promise<void>): Promise<string>;
}

/** @param concurrency `concurrency_max` of outbound.ini */
export async function startHarakaSubject(
  surroundings: Surroundings,
  name: string,
  kind: HarakaKind,
  concurrency: number,
): Promise<HarakaSubject> {
  const { caFile, routesFile, dns } = surroundings;
  const directory = path.join(surroundings.directory, name);
  const profile = `${directory}.cpuprofile`;
  await mkdir(directory);
  const reports = await startReports();
  const haraka = await startHaraka(
    {
      plugins: [...(kind.suite === 'none' ? [] : ['tls-peers']), 'bench_probe'],
      ownPlugins: { bench_probe: await readFile(new URL('probe.cjs', import.meta.url), 'utf8') },
      ...(kind.bundle === undefined ? {} : { bundle: kind.bundle }),
      workers: kind.nodes,
      outbound: { concurrency_max: String(concurrency) },
      outcomes: 'untold',
      log: 'unread',
      env: { BENCH_WAITS: kind.waits, BENCH_PROFILE: profile },
      config: {
        // The limits as they are by default; another state of the suite need not know all of their names.
        'tls-peers.ini': `[timeouts]\n${kind.suite === 'without_reuse' ? '[delivery]\nreuse_connections = false\n' : ''}${kind.evidence === 'off' ? '[evidence]\nenabled = false\n' : ''}${kind.tlsReports === 'counted' ? reportsIni : ''}`,
        ...Object.fromEntries(
          securityLevels.map((level) => [`tls-peers/${ownDomain(level)}.ini`, domainFile(level)]),
        ),
      },
    },
    { directory, routesFile, caFile, dnsAddress: `${dns.address}:${dns.port}`, reports },
  ).catch(async (error: unknown) => {
    await reports.stop();
    throw error;
  });
  const order = (what: string): Promise<string> => tell(haraka.port, `XBENCH ${what}`);
  return {
    take: (letters) => inject(haraka.port, letters, connections),
    hold: async (letters) => {
      await order('HOLD');
      await inject(haraka.port, letters, connections);
      while (Number(await order('HELD')) < letters.length)
        await new Promise((resolve) => setTimeout(resolve, 20));
    },
    release: async () => {
      await order('RELEASE');
    },
    waits: async () => (kind.waits === 'kept' ? (JSON.parse(await order('WAITS')) as number[]) : []),
    processorMs: () => processorMsOf(haraka.pid),
    profiled: async (work) => {
      await order('PROFILE');
      await work();
      await order('PROFILED');
      return profile;
    },
    stop: async () => {
      await haraka.stop();
      await reports.stop();
    },
  };
}
