/** `npm run test:impact`: what is said of changed rules from the record, beside what happens under them. */
import { compareInbound } from './inbound';
import { compareOutbound } from './outbound';
import { Tally } from './tally';

/** Of all messages, and of those under the shipped level where no other mail was counted. */
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
  print(
    `${percent(share.notKnown, share)} not known, ${percent(share.alone, share)} where no other mail was counted: ${base} (${share.messages})`,
  );
const alone = [...shares.values()].reduce((sum, share) => sum + share.alone, 0);
print(
  `${changes} changes, ${messages} messages: ${wrong.length} wrong, ${percent(notKnown, { messages })} not known; ${percent(alone, { messages })} where no other mail was counted`,
);
print(
  `not known of peers with one host that mail was tried at: min_tls_version ${open.minimum}, to mandatory ${open.to_mandatory}`,
);
const shipped = shares.get('security_level = auto');
const isProven =
  wrong.length === 0 &&
  changes >= leastChanges &&
  notKnown / messages <= mostUnknown &&
  (shipped === undefined || shipped.alone / shipped.messages <= mostUnknown);
process.exitCode = isProven && open.minimum + open.to_mandatory === 0 ? 0 : 1;

function percent(count: number, { messages: all }: { readonly messages: number }): string {
  return `${((100 * count) / all).toFixed(1)} %`;
}
