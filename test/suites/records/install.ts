/** A real Haraka for each place of a state, and the install that `records` is run on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dhParameters } from '../../../haraka-test-harness/dh_parameters';
import { startHaraka, type HarakaProcess } from '../../../haraka-test-harness/haraka';
import { iniText } from '../../../haraka-test-harness/ini';
import { startReports } from '../../../haraka-test-harness/reports';
import { domainOf, type Place, type Shows, type State } from './states';

export interface Running {
  /** For `tls-peers -c`. */
  readonly directory: string;
  stop(): Promise<void>;
}

export interface Stage {
  /** Becomes its own. */
  readonly directory: string;
  /** Address of a resolver at port 53. */
  readonly resolver: string;
  /** Of each place of the state, in order. */
  readonly addresses: readonly string[];
}

/** Takes mail for anybody, and forgets it. */
const sink = `
exports.hook_queue = (next) => next(OK);
exports.hook_queue_outbound = (next) => next(OK);
`;

const resolverKeys = { dnssec_probe: 'lab' } as const;

/** Starts what listens at the places of a state. */
export async function startState(state: State, stage: Stage): Promise<Running> {
  mkdirSync(stage.directory);
  const stops: (() => Promise<void>)[] = [];
  let own: HarakaProcess | undefined;
  try {
    for (const [index, place] of state.hosts.flatMap(({ places }) => places).entries()) {
      if (place.kind === 'nobody') continue;
      const { haraka, stop } = await startPlace(state, place, index, stage);
      stops.push(stop);
      if (!(place.kind === 'haraka' && place.elsewhere === true)) own = haraka;
    }
    const config = path.join(own?.directory ?? path.join(stage.directory, 'none'), 'config');
    if (own === undefined) bareInstall(config, state, stage);
    // Where several listen, the file names all of them: those that it does not start are of another process.
    await writeFile(path.join(config, 'smtp.ini'), listening(stage.addresses));
    return { directory: config, stop: () => all(stops) };
  } catch (error) {
    await all(stops);
    throw error;
  }
}

async function all(stops: readonly (() => Promise<void>)[]): Promise<void> {
  for (const stop of [...stops].reverse()) await stop();
}

async function startPlace(
  state: State,
  place: Exclude<Place, { kind: 'nobody' }>,
  index: number,
  { directory, resolver, addresses }: Stage,
): Promise<{ haraka: HarakaProcess; stop: () => Promise<void> }> {
  const its = path.join(directory, String(index));
  await mkdir(path.join(its, 'haraka'), { recursive: true });
  const [routesFile, caFile] = [path.join(its, 'routes.json'), path.join(its, 'ca.pem')];
  await Promise.all([writeFile(routesFile, '{}'), writeFile(caFile, '')]);
  const reports = await startReports();
  try {
    const haraka = await startHaraka(
      {
        plugins: [...(place.kind === 'no_starttls' ? [] : ['tls']), 'tls-peers', 'sink'],
        ownPlugins: { sink },
        resolver: resolverKeys,
        config: {
          // A sender that greets itself suspects a loop.
          me: 'mx.lab\n',
          'smtp.ini': listening([addresses[index] ?? '']),
          [`tls-peers/${domainOf(state)}.ini`]: '; as the default\n',
          ...certificateFiles(place, state.alsoInstalled ?? []),
        },
      },
      { directory: path.join(its, 'haraka'), routesFile, caFile, dnsAddress: `${resolver}:53`, reports },
    );
    const stop = async (): Promise<void> => {
      await haraka.stop();
      await reports.stop();
    };
    return { haraka, stop };
  } catch (error) {
    await reports.stop();
    throw error;
  }
}

function listening(addresses: readonly string[]): string {
  return `listen=${addresses.map((address) => `${address}:25`).join(',')}\nnodes=0\n`;
}

function certificateFiles(place: Place, others: readonly Shows[]): Record<string, string> {
  if (place.kind === 'nobody' || place.kind === 'no_starttls') return {};
  const main = place.kind === 'haraka' ? place.shows : others;
  const named = place.kind === 'by_name' ? [place.shows, ...others] : others;
  const files = main.map((one, at): [string, string][] => [
    [`cert${at}.pem`, one.chainPem],
    [`key${at}.pem`, one.keyPem],
  ]);
  const keys = main.flatMap((_, at) => [`key[]=key${at}.pem`, `cert[]=cert${at}.pem`]);
  return {
    'tls.ini': `[main]\n${keys.join('\n')}\n`,
    'dhparams.pem': dhParameters,
    ...Object.fromEntries(files.flat()),
    ...Object.fromEntries(
      named.map(({ chainPem, keyPem }, at) => [`tls/named${at}.pem`, `${chainPem}${keyPem}`]),
    ),
  };
}

/** The files that `records` reads, where no Haraka runs. */
function bareInstall(config: string, state: State, { resolver }: Stage): void {
  mkdirSync(path.join(config, 'tls-peers'), { recursive: true });
  const files = {
    me: 'mail.lab.example\n',
    plugins: 'tls\ntls-peers\n',
    'tls-peers.ini': iniText({ resolver: { servers: `${resolver}:53`, ...resolverKeys } }),
    [`tls-peers/${domainOf(state)}.ini`]: '; as the default\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(config, name), text);
}
