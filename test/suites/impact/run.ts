/** `npm run test:impact`: what is said of changed rules from the record, beside what happens under them. */
import { compareInbound } from './inbound';
import { compareOutbound } from './outbound';
import { Tally, type Share } from './tally';

/** Of all messages. */
const mostUnknown = 0.2;

const leastChanges = 30;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const tally = new Tally((line) => print(`  ${line}`));
const [, , ...wanted] = process.argv;
const parts: Readonly<Record<string, (into: Tally) => Promise<void>>> = {
  outbound: compareOutbound,
  inbound: compareInbound,
};
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  print(name);
  await run(tally);
}
const { changes, messages, notKnown, shares, open, wrong } = tally.result();
for (const line of wrong) print(`WRONG ${line}`);
for (const [base, share] of shares)
  print(`${percent(share)} not known of what was sent under ${base} (${share.messages} comparisons)`);
print(
  `${changes} changes, ${messages} messages: ${wrong.length} wrong, ${percent({ messages, notKnown })} not known`,
);
print(
  `not known of hosts that could be tried: by min_tls_version ${open.minimum}, to mandatory ${open.to_mandatory}`,
);
const isProven = wrong.length === 0 && notKnown / messages <= mostUnknown && changes >= leastChanges;

function percent(of: Share): string {
  return `${((100 * of.notKnown) / of.messages).toFixed(1)} %`;
}

process.exitCode = isProven && open.minimum + open.to_mandatory === 0 ? 0 : 1;
