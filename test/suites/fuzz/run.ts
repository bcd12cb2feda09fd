/** `npm run fuzz -- <target> [options of the target]`: inputs at random, reproducible by their seed. */

interface FuzzTarget {
  /** Returns the exit code. */
  readonly run: (args: string[]) => Promise<number>;
}

const targets: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  dns: () => import('./dns'),
  'mta-sts': () => import('./mta-sts'),
  tlsa: () => import('./tlsa'),
  'tls-reports': () => import('./tls-reports'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = targets[name];
if (load) {
  process.exitCode = await (await load()).run(args);
} else {
  console.error(`usage: npm run fuzz -- ${Object.keys(targets).join('|')}`);
  process.exitCode = 2;
}
export {};
