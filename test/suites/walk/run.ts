/**
 * `npm run test:walk [-- --verbose]`: what somebody does who has Haraka, this project's README and its docs, from `haraka -i` to the
 * uninstalling. Every command and every file is read from those pages and used as it stands; one that is no longer there fails.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { buildWorld } from '../../../haraka-test-harness/build_world';
import { cloneTo } from '../../support/fresh_clone';
import { check, dropRights, firstMail, install, start, writeRules } from './installing';
import { becomeAUnit, uninstall, upgrade } from './keeping';
import { eachLevel, letThrough, recovered, stripped } from './levels';
import { obstacle, setUp } from './machine';
import { holdClients, hostAPolicy, policyMapOf, sessions, whatHappened } from './using';
import { Walk } from './walk';
import { world } from './world';

const { values } = parseArgs({ options: { inside: { type: 'boolean' }, verbose: { type: 'boolean' } } });

/** In the order in which somebody does them; each goes on from what the ones before left. */
const steps: readonly (readonly [name: string, step: (walk: Walk) => void | Promise<void>])[] = [
  ['installs Haraka, and the package from a clone', install],
  ['makes a user, its directories, and has Haraka become that user', dropRights],
  ['writes rules, and names the resolver', writeRules],
  ['finds the help, lints, and asks what would happen', check],
  [`starts Haraka as root with two workers, which are root no longer`, start],
  ['sends a first message to each peer of the README', firstMail],
  ['changes the rules while Haraka runs, and sends a message at each level', eachLevel],
  ['has STARTTLS stripped from the same peers: what may not go in cleartext is kept', stripped],
  ['has them mended, and retries the queue: everything arrives', recovered],
  ['lets one peer through for a while', letThrough],
  ['sees sessions carry more than one message, and switches that off', sessions],
  ['imports a Postfix policy map, and takes its peers to a domain of its own', policyMapOf],
  ['asks what happened, and what a rule would have done', whatHappened],
  ['hosts a policy, and has it checked', hostAPolicy],
  ['holds a client to its rule', holdClients],
  ['goes over to the systemd unit, which never is root', becomeAUnit],
  ['upgrades to a newer tarball', upgrade],
  ['uninstalls', uninstall],
];

async function walkInside(): Promise<boolean> {
  const built = await buildWorld(world, 'real');
  setUp(built.office.caPem);
  await cloneTo('/srv/clone');
  const typed: string[] = [];
  const walk = new Walk(built, (text) => {
    if (values.verbose) console.log(text);
    typed.push(text);
  });
  try {
    for (const [number, [name, step]] of steps.entries()) {
      typed.length = 0;
      try {
        await step(walk);
      } catch (error) {
        console.log(`FAIL ${number + 1}. ${name}`);
        console.log([...typed, '', error instanceof Error ? error.message : String(error)].join('\n'));
        return false;
      }
      console.log(`ok   ${number + 1}. ${name}`);
    }
    console.log(`${steps.length} of ${steps.length} steps, each as the pages have it`);
    return true;
  } finally {
    await walk.service.stop();
    await built.stop();
  }
}

function enterMachine(): number {
  const why = obstacle();
  if (why !== '') {
    console.error(`SKIPPED: the walk; ${why}`);
    return 0;
  }
  const again = [...process.execArgv, import.meta.filename, '--inside', ...process.argv.slice(2)];
  const { status } = spawnSync(
    'unshare',
    ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, ...again],
    {
      stdio: 'inherit',
    },
  );
  return status ?? 1;
}

if (values.inside) {
  const ok = await walkInside();
  process.exit(ok ? 0 : 1);
} else {
  process.exitCode = enterMachine();
}
