/** What stands in the way of several hosts with one memory, as far as the files tell. Pure. */
import { readSecrets } from '../load/secrets';
import { globalFile } from '../load/source';
import { pluginLines } from '../haraka/plugins_file';
import type { Fault } from '../schema/fault';
import type { FilesView, Finding, FleetView } from './check';

const place = { file: globalFile, section: 'fleet' } as const;

/** What vouches for policies: without it each host goes on fetching for itself. */
export function fleetSecret({ settings, source }: FilesView): Finding[] {
  const { redis, keyFile } = settings.global.fleet;
  if (!redis) return [];
  if (keyFile === '') {
    const problem = 'no key_file: MTA-STS policies are not shared, each host fetches its own';
    return [{ severity: 'warning', fault: { ...place, problem } }];
  }
  const reading = source.read(keyFile);
  const read = reading.kind === 'file' ? readSecrets(reading.text) : undefined;
  if (read?.kind === 'secrets') return [];
  const why = read?.why ?? (reading.kind === 'unreadable' ? reading.problem : 'there is no such file');
  const problem = `${why}: policies are not shared`;
  return [{ severity: 'fault', fault: { ...place, key: 'key_file', value: keyFile, problem } }];
}

/** A line of config/plugins that makes Haraka exit where Redis does not listen when it starts. */
export function redisPlugin({ settings, source }: FilesView): Fault[] {
  if (!settings.global.fleet.redis) return [];
  const line = pluginLines(source)?.find(({ name }) => name === 'redis');
  if (line === undefined) return [];
  const problem =
    'redis is listed: Haraka exits where its server does not listen at the start. The fleet connects by itself and does not need it';
  return [{ file: 'plugins', line: line.line, problem }];
}

/** Whether the server is there, for whoever asked it. */
export function fleetServerThere({ problem }: FleetView): Fault[] {
  return problem === '' ? [] : [{ ...place, key: 'redis', problem }];
}
