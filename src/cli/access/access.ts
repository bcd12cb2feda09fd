/** What Haraka can do on this machine: first what it does as root at a start, then, as its user, everything else. */
import path from 'node:path';
import type { AccessView, Finding } from '../../settings/checks/check';
import { loadSettings } from '../../settings/load/load';
import { run } from '../../settings/schema/fault';
import type { Settings } from '../../settings/schema/types';
import { quoted } from '../../state/access';
import type { Context } from '../command';
import { presented } from '../install_keys';
import type { Viewpoint } from '../viewpoint';
import type { Chain } from '../zone';
import { foresee, judgeDirectories, judgeQueue, stateDirectories, type Foreseen } from './directories';
import { judgeKeys } from './keys';
import { judgePageFiles, judgePagePorts } from './page';
import { judgeReportKey } from './report_key';
import { judgePorts } from './ports';

/** What a start would come to; nothing where whoever asks cannot do what it does. */
export interface Start {
  readonly foreseen: Foreseen;
  readonly ports: readonly Finding[];
  /** The certificates that it would have a key for. */
  readonly chains: readonly Chain[];
}

export async function lookAtStart({ source, directory, options, viewpoint }: Context): Promise<Start> {
  const isStarter =
    viewpoint.kind === 'roots' || (viewpoint.kind === 'harakas' && viewpoint.startsAs === 'itself');
  const chains = await presented(source, directory);
  if (!isStarter) return { foreseen: new Map(), ports: [], chains };
  const { settings } = loadSettings(source);
  return {
    foreseen: foresee(stateDirectories(settings, source, path.dirname(directory)), viewpoint.owner),
    ports:
      options['offline'] === true
        ? []
        : [...(await judgePorts(settings, source)), ...(await judgePagePorts(settings))],
    chains,
  };
}

export async function accessSeen(
  { source, directory, viewpoint }: Context,
  settings: Settings,
  start: Start,
): Promise<AccessView> {
  const user = judgeUser(viewpoint);
  if (viewpoint.kind !== 'harakas') return { user, directories: [], keys: [], ports: start.ports };
  const { owner } = viewpoint;
  const install = path.dirname(directory);
  return {
    user,
    directories: [
      ...(await judgeDirectories(stateDirectories(settings, source, install), start.foreseen, owner)),
      ...(await judgeQueue(source, install, owner)),
    ],
    keys: [
      ...(await judgeKeys(settings, source, directory, owner)),
      ...judgePageFiles(settings, directory),
      ...judgeReportKey(settings, directory),
    ],
    ports: start.ports,
  };
}

function judgeUser(viewpoint: Viewpoint): Finding[] {
  if (viewpoint.kind !== 'nobodys') return [];
  const { key, name } = viewpoint;
  const problem = `there is no such ${key}: Haraka does not start`;
  const command =
    key === 'user'
      ? `useradd --system --no-create-home --shell /usr/sbin/nologin ${quoted(name)}`
      : `groupadd --system ${quoted(name)}`;
  return [{ severity: 'fault', fault: { file: 'smtp.ini', key, value: name, problem, mend: run(command) } }];
}
