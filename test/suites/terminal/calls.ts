/** The commands that are shown, and what is asked of each. */
import { crowded, idn, long, medium } from './world';

export interface Call {
  readonly name: string;
  readonly args: readonly string[];
  readonly install: 'sound' | 'wrong';
  /** How many lines a pipe gets of what `--json` says; where that can be told. */
  readonly pipeLines?: (document: unknown) => number;
}

const from = (sender: string, ...domains: readonly string[]): readonly string[] => [
  'test',
  '--from',
  sender,
  ...domains,
];

export const calls: readonly Call[] = [
  { name: 'help', args: ['--help'], install: 'sound' },
  ...['lint', 'explain', 'test', 'records', 'cache', 'traffic', 'impact', 'export', 'import'].map(
    (name): Call => ({ name: `help of ${name}`, args: [name, '--help'], install: 'sound' }),
  ),
  { name: 'no command', args: [], install: 'sound' },
  { name: 'a wrong call', args: ['explain', '--no-such-option'], install: 'sound' },
  {
    name: 'a long wrong call',
    args: ['impact', '--set', `no_such_key_${'y'.repeat(200)}=1`],
    install: 'sound',
  },
  { name: 'test, long names', args: from('me@ours.example', long, idn), install: 'sound' },
  {
    name: 'test, long reasons',
    args: from('me@ours.example', 'greeting.example', 'word.example', 'policy.example', 'names.example'),
    install: 'sound',
  },
  { name: 'test, many hosts', args: from('<>', crowded, 'unreadable.example'), install: 'sound' },
  {
    name: 'test, every sender',
    args: ['test', long, crowded, 'peer-6.sub.sub.sub.sub.sub.sub.example'],
    install: 'sound',
  },
  ...[long, idn, crowded, 'word.example', 'policy.example', 'unreadable.example', 'names.example'].flatMap(
    (domain): Call[] => [
      {
        name: `explain ${domain.slice(0, 20)}`,
        args: ['explain', 'me@ours.example', domain],
        install: 'sound',
      },
      {
        name: `explain by default ${domain.slice(0, 20)}`,
        args: ['explain', '<>', domain],
        install: 'sound',
      },
    ],
  ),
  {
    name: 'explain, inbound',
    args: [
      'explain',
      '--inbound',
      '--ip',
      '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
      `you@${idn}`,
      `me@${long}`,
    ],
    install: 'sound',
  },
  { name: 'explain, wrong install', args: ['explain', 'me@ours.example', long], install: 'wrong' },
  { name: 'lint', args: ['lint'], install: 'sound' },
  { name: 'lint, wrong', args: ['lint', '--offline'], install: 'wrong' },
  { name: 'records', args: ['records', long], install: 'sound' },
  { name: 'records, usual names', args: ['records', medium], install: 'sound' },
  { name: 'records, offline', args: ['records', '--offline', long], install: 'sound' },
  { name: 'records, wrong install', args: ['records', long], install: 'wrong' },
  { name: 'records of a stranger', args: ['records', `not-managed.${long}`], install: 'sound' },
  {
    name: 'cache list',
    args: ['cache', 'list'],
    install: 'sound',
    pipeLines: (of) => (of as unknown[]).length,
  },
  { name: 'cache show', args: ['cache', 'show', long], install: 'sound' },
  { name: 'cache show nothing', args: ['cache', 'show', `nothing.${long}`], install: 'sound' },
  { name: 'cache refresh', args: ['cache', 'refresh', 'unreadable.example'], install: 'sound' },
  {
    name: 'traffic',
    args: ['traffic', '--top', '0'],
    install: 'sound',
    // The window, the titles, the sum.
    pipeLines: (of) => (of as { peers: unknown[] }).peers.length + 3,
  },
  { name: 'traffic, by failures', args: ['traffic', '--sort', 'failures', '--top', '7'], install: 'sound' },
  { name: 'traffic of one', args: ['traffic', long], install: 'sound' },
  {
    name: 'impact',
    args: ['impact', '--set', 'security_level=mandatory_dane', '--set', 'min_tls_version=1.3'],
    install: 'sound',
  },
  { name: 'import', args: ['import', 'ours.example', 'peers.csv'], install: 'sound' },
  { name: 'import, wrong', args: ['import', 'ours.example', 'wrong.csv'], install: 'sound' },
  { name: 'impact in a wrong install', args: ['impact', '--set', 'security_level=none'], install: 'wrong' },
];
