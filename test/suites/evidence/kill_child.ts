/** Counts and writes without end, and says how much is on disk: to be killed at any moment. */
import { writeSync } from 'node:fs';
import { createFileWriter } from '../../../src/evidence/store/file_writer';
import { unseen } from '../../../src/evidence/sighting';
import { silent } from '../../../src/log';
import { presentOwner } from '../../../src/state/owner';

const [, , directory = ''] = process.argv;
const writer = createFileWriter({
  directory,
  owner: presentOwner(),
  log: silent,
  days: 30,
  // So few that files are replaced whole all the time, too.
  maxPeers: 200,
  isNamed: () => false,
  now: () => new Date(),
});

let counted = 0;
for (;;) {
  for (let more = 0; more < 300; more++, counted++)
    writer.add(
      { managed: 'ours.example', direction: 'out', peer: `p${counted % 5000}.example` },
      { ...unseen, outcome: 'delivered', level: 'auto' },
    );
  writeSync(1, `begun ${counted}\n`);
  await writer.flush();
  writeSync(1, `stored ${counted}\n`);
}
