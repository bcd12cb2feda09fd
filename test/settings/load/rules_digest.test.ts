/** Two hosts with the same digest hold mail to the same rules. */
import { describe, expect, it } from 'vitest';
import { parseIni, type FileReading } from '../../../src/settings/haraka/config_files';
import { loadSettings } from '../../../src/settings/load/load';
import { rulesDigest } from '../../../src/settings/load/rules_digest';
import { directorySource } from '../../../src/settings/load/source';

type Files = Readonly<Record<string, string>>;

function digestOf(files: Files): Promise<string> {
  const source = {
    ...directorySource('/nonexistent/config'),
    read: (name: string): FileReading =>
      name in files ? { kind: 'file', text: files[name] ?? '' } : { kind: 'absent' },
    parse: parseIni,
    domainFiles: () => ({
      kind: 'files' as const,
      names: Object.keys(files).filter((name) => name.startsWith('tls-peers/')),
    }),
    strayFiles: () => [],
  };
  return rulesDigest(loadSettings(source).settings);
}

const base: Files = {
  'tls-peers.ini': '[outbound]\nsecurity_level = auto\n[outbound a.example]\nsecurity_level = mandatory\n',
  'tls-peers/ours.example.ini':
    '[outbound]\nsecurity_level = mandatory\n[outbound b.example]\nsecurity_level = verify\n[inbound 192.0.2.0/24]\nsecurity_level = mandatory\n',
};
const ours = 'tls-peers/ours.example.ini';

describe('the digest', () => {
  it.each<[string, Files]>([
    ['comments and blank lines', { ...base, [ours]: `; ours\n\n${base[ours]}` }],
    [
      'the order of sections',
      {
        ...base,
        'tls-peers.ini':
          '[outbound a.example]\nsecurity_level = mandatory\n[outbound]\nsecurity_level = auto\n',
      },
    ],
    ['what people note', { ...base, [ours]: `comment = the main domain\n${base[ours]}` }],
    [
      "a host's own resolver, listeners and fleet",
      {
        ...base,
        'tls-peers.ini': `${base['tls-peers.ini']}[resolver]\nservers = 192.0.2.53\n[fleet]\nname = one\n`,
      },
    ],
  ])('does not change with %s', async (_what, files) => {
    expect(await digestOf(files)).toBe(await digestOf(base));
  });

  it.each<[string, Files]>([
    ['a level', { ...base, [ours]: (base[ours] ?? '').replace('verify', 'mandatory') }],
    ['a peer', { ...base, [ours]: `${base[ours]}[outbound c.example]\nsecurity_level = none\n` }],
    ['a network', { ...base, [ours]: (base[ours] ?? '').replace('/24', '/25') }],
    ['a managed domain', { ...base, 'tls-peers/more.example.ini': '' }],
    ['a domain that is not managed for now', { ...base, [ours]: `status = disabled\n${base[ours]}` }],
    ['a default', { ...base, 'tls-peers.ini': (base['tls-peers.ini'] ?? '').replace('auto', 'mandatory') }],
    ['a file that is not valid', { ...base, [ours]: 'nonsense = x\n' }],
    ['the policy that is published', { ...base, [ours]: `${base[ours]}[mta_sts]\nmx = mx.ours.example\n` }],
  ])('changes with %s', async (_what, files) => {
    expect(await digestOf(files)).not.toBe(await digestOf(base));
  });
});
