/** A call that is answered as Haraka sees its files: by this process where it can, or by one that becomes Haraka's user. */
import { afterReadingAhead, readAhead } from '../settings/haraka/read_ahead';
import { directorySource } from '../settings/load/source';
import type { PrivilegeSettings } from '../state/owner';
import type { Command, Context, ExitCode, TwoStepped } from './command';
import { viewpointOn } from './viewpoint';

export type Becoming =
  /** Another process becomes that user, and answers `args` in place of this one. */
  | { readonly kind: 'another'; readonly answer: (args: readonly string[]) => Promise<ExitCode> }
  /** This process is that other one. */
  | { readonly kind: 'this'; readonly become: (privileges: PrivilegeSettings) => void };

/** @param directory Haraka's config directory */
export function viewOf(directory: string): Pick<Context, 'source' | 'viewpoint'> {
  const source = directorySource(directory);
  return { source, viewpoint: viewpointOn(directory, source) };
}

export function isTwoStepped(command: Command): command is TwoStepped {
  return 'inTwoSteps' in command;
}

/** @param args of the call, behind the name of the command */
export async function runAsHaraka(
  command: TwoStepped,
  context: Context,
  args: readonly string[],
  becoming: Becoming | undefined,
): Promise<ExitCode> {
  const { viewpoint, directory } = context;
  if (viewpoint.kind !== 'roots' || becoming === undefined)
    return command.inTwoSteps(context, () => asAsked(context));
  if (becoming.kind === 'another') return becoming.answer([command.name, ...args]);
  return command.inTwoSteps(context, () => {
    const ahead = readAhead(context.source);
    becoming.become(viewpoint.privileges);
    const source = afterReadingAhead(directorySource(directory, 'unknown'), ahead);
    return { ...context, source, viewpoint: { kind: 'harakas', owner: viewpoint.owner, startsAs: 'root' } };
  });
}

/** Whoever is Haraka's user knows no more of the files that there were than Haraka does. */
function asAsked(context: Context): Context {
  const { viewpoint, directory } = context;
  const isHarakas = viewpoint.kind === 'harakas' && viewpoint.startsAs === 'root';
  return isHarakas ? { ...context, source: directorySource(directory, 'unknown') } : context;
}
