/** What `lint` says of several hosts with one memory, as far as the files tell. */
import { describe, expect, it } from 'vitest';
import { fleetSecret, fleetServerThere, redisPlugin } from '../../../src/settings/checks/fleet';
import { utcDay } from '../../../src/peers/day';
import { parseIni, type FileReading } from '../../../src/settings/haraka/config_files';
import { shippedDefaults } from '../../../src/settings/load/global_file';
import type { FilesView } from '../../../src/settings/checks/check';

const secret = 'x'.repeat(32);

function view(
  fleet: { redis: boolean; keyFile?: string },
  files: Readonly<Record<string, string>>,
): FilesView {
  const settings = {
    validity: { kind: 'valid' as const },
    global: { ...shippedDefaults, fleet: { ...shippedDefaults.fleet, ...fleet } },
    domains: new Map(),
  };
  const read = (name: string): FileReading =>
    name in files ? { kind: 'file', text: files[name] ?? '' } : { kind: 'absent' };
  const source = {
    read,
    parse: parseIni,
    domainFiles: () => ({ kind: 'files' as const, names: [] }),
    strayFiles: () => [],
  };
  return { settings, source, today: utcDay(new Date('2026-01-01')) };
}

describe('the secret', () => {
  it.each([
    ['nothing where there is no fleet', { redis: false }, {}, []],
    ['nothing where it is there', { redis: true, keyFile: 'k' }, { k: secret }, []],
    [
      'that policies are not shared without one',
      { redis: true },
      {},
      ['warning: no key_file: MTA-STS policies are not shared, each host fetches its own'],
    ],
    [
      'that the file is not there',
      { redis: true, keyFile: 'k' },
      {},
      ['fault: there is no such file: policies are not shared'],
    ],
    [
      'that it is short',
      { redis: true, keyFile: 'k' },
      { k: 'hush' },
      ['fault: a secret is shorter than 32 characters: policies are not shared'],
    ],
  ])('has lint say %s', (_what, fleet, files, expected) => {
    const found = fleetSecret(view(fleet, files));
    expect(found.map(({ severity, fault }) => `${severity}: ${fault.problem}`)).toEqual(expected);
  });
});

describe('the plugin redis', () => {
  it('is warned of at its line, where it can make Haraka exit', () => {
    const [found] = redisPlugin(view({ redis: true }, { plugins: 'tls-peers\nredis\n' }));
    expect(found).toMatchObject({ file: 'plugins', line: 2 });
    expect(found?.problem).toContain('Haraka exits where its server does not listen at the start');
  });

  it.each([
    ['without a fleet', { redis: false }, 'redis\n'],
    ['where it is not listed', { redis: true }, 'tls-peers\n; redis\n'],
  ])("is none of lint's business %s", (_what, fleet, plugins) => {
    expect(redisPlugin(view(fleet, { plugins }))).toEqual([]);
  });
});

it('a server that is not there is said as it was met', () => {
  expect(fleetServerThere({ problem: '' })).toEqual([]);
  expect(fleetServerThere({ problem: 'refused' })).toMatchObject([{ section: 'fleet', problem: 'refused' }]);
});
