/** What `impact` says of mail that comes in, beside what happens when the same visitors come again under the changed rule. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startLab, type Lab } from '../../../haraka-test-harness';
import type { Impact } from '../../../src/evidence/views/impact';
import { tlsConfig } from '../../inbound/support/tls_server';
import { handIn, type Incoming } from '../evidence/visitor';
import { counted, impactSays, withCopy } from './install';
import type { Kind, Tally } from './tally';

const versions = ['none', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
const senders = ['partner.example', 'sub.partner.example', 'stranger.example'];

/** Each sender by each version. */
const visitors = senders.flatMap((sender) => versions.map((tls) => ({ sender, tls })));

/** The text of a file's inbound part. */
const sections = {
  opportunistic: '[inbound]\nsecurity_level = opportunistic\n',
  'opportunistic, 1.1': '[inbound]\nsecurity_level = opportunistic\nmin_tls_version = 1.1\n',
  'opportunistic, 1.2': '[inbound]\nsecurity_level = opportunistic\nmin_tls_version = 1.2\n',
  'opportunistic, 1.3': '[inbound]\nsecurity_level = opportunistic\nmin_tls_version = 1.3\n',
  mandatory: '[inbound]\nsecurity_level = mandatory\n',
  'mandatory, none': '[inbound]\nsecurity_level = mandatory\nmin_tls_version = none\n',
  'mandatory, 1.3': '[inbound]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
  'mandatory, monitor': '[inbound]\nsecurity_level = mandatory\nenforcement = monitor\n',
  'mandatory, defer': '[inbound]\nsecurity_level = mandatory\naction_on_failure = defer\n',
  'a peer': '[inbound partner.example]\nsecurity_level = mandatory\n',
  'a wildcard': '[inbound *.partner.example]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
  'a network': '[inbound 127.0.0.0/8]\nsecurity_level = mandatory\n',
  'a network, 1.3': '[inbound 127.0.0.0/8]\nsecurity_level = mandatory\nmin_tls_version = 1.3\n',
  'a smaller network':
    '[inbound 127.0.0.0/8]\nsecurity_level = mandatory\n\n[inbound 127.0.0.1]\nmin_tls_version = 1.3\n',
} as const;

type Name = keyof typeof sections;

const names = Object.keys(sections) as Name[];
const bases: readonly Name[] = [
  'opportunistic',
  'opportunistic, 1.2',
  'mandatory',
  'mandatory, monitor',
  'a network',
];

/** Those that cannot be told of mail that was counted under another rule: its address was not kept. */
const byAddress = new Set<Name>(['a network', 'a network, 1.3', 'a smaller network']);

const domainOf = (name: Name): string => `in${names.indexOf(name)}.example`;

type Fared = 'in' | 'out';

const mailbox = `
exports.register = function () {
  this.register_hook('mail', 'tell_strangers', 200);
  this.register_hook('rcpt', 'take');
  this.register_hook('queue', 'take');
};
exports.tell_strangers = (next, connection) => { connection.relaying = false; next(); };
exports.take = (next) => next(OK);
`;

export async function compareInbound(tally: Tally): Promise<void> {
  const lab = await startLab(
    { domains: {} },
    {
      plugins: ['mailbox', 'tls-peers', 'tls'],
      ownPlugins: { mailbox },
      config: {
        ...(await tlsConfig('mail.lab.example')),
        ...Object.fromEntries(names.map((name) => [`tls-peers/${domainOf(name)}.ini`, sections[name]])),
      },
    },
  );
  try {
    const truth = new Map<Name, Fared[]>();
    for (const name of bases) truth.set(name, await visitAll(lab, name));
    await counted(lab.haraka.directory, bases.length * visitors.length, '--inbound');
    await withCopy(lab.haraka.directory, async (copy) => {
      for (const name of names) if (!truth.has(name)) truth.set(name, await visitAll(lab, name));
      for (const before of bases)
        for (const after of names) if (before !== after) await compare(copy, { before, after }, truth, tally);
    });
  } finally {
    await lab.stop();
  }
}

async function visitAll(lab: Lab, name: Name): Promise<Fared[]> {
  const fared: Fared[] = [];
  for (const { sender, tls } of visitors) {
    const visit: Incoming = { port: lab.haraka.port, tls, from: `a@${sender}`, to: `b@${domainOf(name)}` };
    fared.push((await handIn(visit)).startsWith('250') ? 'in' : 'out');
  }
  return fared;
}

async function compare(
  copy: string,
  { before, after }: { readonly before: Name; readonly after: Name },
  truth: ReadonlyMap<Name, readonly Fared[]>,
  tally: Tally,
): Promise<void> {
  const edited = path.join(copy, `edited-${domainOf(before)}-${domainOf(after)}`);
  await mkdir(edited);
  await cp(path.join(copy, 'config'), path.join(edited, 'config'), { recursive: true });
  await writeFile(path.join(edited, 'config/tls-peers', `${domainOf(before)}.ini`), sections[after]);
  const { total } = await impactSays(copy, ['--inbound', '--edited', path.join(edited, 'config')]);
  const [was = [], is = []] = [truth.get(before), truth.get(after)];
  const should = {
    refused: visitors.filter((_, at) => was[at] === 'in' && is[at] === 'out').length,
    released: visitors.filter((_, at) => was[at] === 'out' && is[at] === 'in').length,
  };
  tally.begin(`inbound: ${before} -> ${after}`, kindOf(before, after), 'inbound');
  compareSums(total, should, { isPlain: !byAddress.has(before) && !byAddress.has(after), tally });
  tally.end();
}

/** Senders that were only refused have no line of their own: what counts is how many there are of each kind. */
function compareSums(
  total: Impact,
  should: Readonly<Record<'refused' | 'released', number>>,
  { isPlain, tally }: { readonly isPlain: boolean; readonly tally: Tally },
): void {
  for (const [kind, is] of Object.entries(should)) {
    const said = total[kind as 'refused' | 'released'];
    if (said > is || said + total.notKnown < is) tally.wrong(`says ${said} ${kind}, are ${is}`);
  }
  for (let at = 0; at < visitors.length; at++)
    tally.compare('a visitor', at < total.notKnown ? 'notKnown' : 'as said', { is: 'as said', isPlain });
}

function kindOf(before: Name, after: Name): Kind {
  const [[level], [other]] = [before.split(', '), after.split(', ')];
  if (level === other && !after.endsWith('monitor') && !before.endsWith('monitor')) return 'minimum';
  return other === 'mandatory' && !after.endsWith('monitor') ? 'to_mandatory' : 'other';
}
