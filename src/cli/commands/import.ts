/** `tls-peers import`: peers from CSV, or from a Postfix policy map, into the file of a managed domain or tls-peers.ini. */
import { peerScopes } from '../../peers/section';
import { editIni } from '../../settings/ini/edit';
import { directorySource } from '../../settings/load/source';
import { faultDocument, formatFault, type Fault } from '../../settings/schema/fault';
import { CommandError, exit, UsageError, type Command, type Context, type ExitCode } from '../command';
import { asGiven, type LeftOut } from '../import/incoming';
import { formats, readIncoming, type ReadOptions } from '../import/read_file';
import { withoutScope } from '../import/without_scope';
import { managedFile, managedFileOrNew, wholeGlobalFile, type RulesFile } from '../managed_file';
import { fitted } from '../layout/paragraph';
import { json } from '../output';
import { peersIn, planImport } from '../peer_rows';
import { loadedWith, writeRules } from '../rules_edit';

export const importCommand: Command = {
  name: 'import',
  summary:
    'Bring the peers of a managed domain, or of tls-peers.ini, in line with a CSV file or a Postfix policy map.',
  operands:
    '[--write] [--prune] [--format csv|postfix] {[--create] DOMAIN | --global [--scope all|unmanaged]} FILE',
  help: [
    'Shows what would change. A field that is empty takes its key out; keys without a column stay, and so do comments.',
    'FILE is CSV, as export or another gateway writes it, or the text of a table of smtp_tls_policy_maps.',
    '',
    '  --write           make the change',
    '  --prune           take out peers that FILE does not have',
    '  --create          make DOMAIN a managed domain, if it is none',
    '  --global          into tls-peers.ini',
    '  --scope SCOPE     for whom these peers stand there (default: as FILE says; all for a policy map)',
    '  --format FORMAT   csv or postfix (default: by what FILE holds)',
  ],
  options: {
    write: { type: 'boolean' },
    prune: { type: 'boolean' },
    create: { type: 'boolean' },
    global: { type: 'boolean' },
    scope: { type: 'string' },
    format: { type: 'string' },
  },
  run: importPeers,
};

async function importPeers(context: Context): Promise<ExitCode> {
  const { directory, options } = context;
  const { domain, file } = operandsOf(context);
  const read = readIncoming(file, readOptions(context));
  const incoming = domain === undefined ? read : withoutScope(file, read);
  const source = directorySource(directory);
  const rules = rulesFile(directory, domain, options['create'] === true);
  const { name, text } = rules;
  const plan = planImport(peersIn(source, name, text), incoming.rows, options['prune'] === true);
  const edited = editIni(text, plan.edits, plan.removed);
  const after = loadedWith(source, new Map([[name, edited]])).faults.map((fault) =>
    asGiven(file, fault, plan.sections),
  );
  const given = after.filter(({ origin }) => origin === 'given').map(({ fault }) => fault);
  const faults = [
    ...[...incoming.faults, ...given].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    ...after.filter(({ origin }) => origin === 'rules').map(({ fault }) => fault),
  ];
  const isMade = rules.state === 'new' && (domain !== undefined || plan.changes.length > 0);
  const isChange = plan.changes.length > 0 || isMade;
  const write = options['write'] === true && faults.length === 0 && isChange;
  if (write) await writeRules(directory, rules, edited);
  const changes = isMade ? [`+ ${name}`, ...plan.changes] : plan.changes;
  report(context, { changes, faults, leftOut: incoming.leftOut, written: write });
  const isWhole = faults.length === 0 && incoming.leftOut.every(({ what }) => what === 'detail');
  return isWhole ? exit.ok : exit.findings;
}

interface Operands {
  /** Absent for `tls-peers.ini`. */
  readonly domain: string | undefined;
  readonly file: string;
}

function operandsOf({ operands, options }: Context): Operands {
  const isGlobal = options['global'] === true;
  const [domain, file] = isGlobal ? [undefined, ...operands] : operands;
  if (file === undefined || operands.length > (isGlobal ? 1 : 2))
    throw new UsageError(isGlobal ? 'FILE is needed, and no DOMAIN' : 'DOMAIN and FILE are needed');
  if (isGlobal && options['create'] === true) throw new UsageError('--create goes with DOMAIN');
  if (!isGlobal && options['scope'] !== undefined) throw new UsageError('--scope goes with --global');
  return { domain, file };
}

function readOptions({ options }: Context): ReadOptions {
  const { scope, format } = options;
  const known = formats.find((one) => one === format);
  if (format !== undefined && known === undefined)
    throw new UsageError(`--format is ${String(format)}, not ${formats.join(' or ')}`);
  if (scope !== undefined && !peerScopes.some((one) => one === scope))
    throw new UsageError(`--scope is ${String(scope)}, not ${peerScopes.join(' or ')}`);
  const usual = options['global'] === true ? 'all' : '';
  return {
    format: known,
    scope: { of: typeof scope === 'string' ? scope : usual, given: scope !== undefined },
  };
}

function rulesFile(directory: string, domain: string | undefined, create: boolean): RulesFile {
  if (domain === undefined) return wholeGlobalFile(directory);
  if (create) return managedFileOrNew(directory, domain);
  try {
    return managedFile(directory, domain);
  } catch (error) {
    if (!(error instanceof CommandError) || managedFileOrNew(directory, domain).state !== 'new') throw error;
    throw new CommandError(`${error.message}; --create makes it a managed domain`);
  }
}

interface Outcome {
  readonly changes: readonly string[];
  readonly faults: readonly Fault[];
  readonly leftOut: readonly LeftOut[];
  readonly written: boolean;
}

function report({ output, json: asJson }: Context, { changes, faults, leftOut, written }: Outcome): void {
  if (asJson) {
    const left = leftOut.map(({ what, fault }) => ({ what, ...faultDocument(fault) }));
    output.print(json({ changes, faults: faults.map(faultDocument), leftOut: left, written }));
    return;
  }
  const found = [
    ...changes,
    ...leftOut.map(
      ({ what, fault }) => `${what === 'entry' ? 'no section' : 'left out'}  ${formatFault(fault)}`,
    ),
  ];
  for (const line of found.flatMap((one) => fitted(output, one))) output.print(line);
  for (const one of faults) output.complain(formatFault(one));
  if (faults.length > 0) output.complain('not written: the file would not be valid');
  else if (changes.length === 0) output.print('nothing to change');
  else output.print(written ? 'written' : 'not written: --write makes the change');
}
