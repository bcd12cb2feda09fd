/** Prints what a fetch makes of policy hosts that behave and misbehave: `npx tsx test/mta_sts/show_behaviours.ts`. */
import { limitMs, tryBehaviours } from './support/behaviours';

const seen = await tryBehaviours();
for (const { behaviour, fetched, ms } of seen) {
  const [reason, text] =
    fetched.kind === 'fetched'
      ? ['-', `mode ${fetched.policy.mode}, max_age ${fetched.policy.maxAge}`]
      : [fetched.failure.reason, fetched.failure.text];
  const row = [
    behaviour.name.padEnd(36),
    fetched.kind.padEnd(8),
    reason.padEnd(23),
    `${ms.toFixed(0)} ms`.padStart(8),
  ];
  console.log(`${row.join(' ')}  ${text.slice(0, 110)}`);
}
const slowest = Math.max(...seen.map(({ ms }) => ms));
console.log(`${seen.length} behaviours, limit ${limitMs} ms, slowest ${slowest.toFixed(0)} ms`);
