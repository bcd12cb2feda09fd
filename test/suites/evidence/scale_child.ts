/** Counts a million messages from 300,000 peers in one day, and says what that took. Run with --expose-gc. */
import { createFileWriter } from '../../../src/evidence/store/file_writer';
import { unseen, type Sighting } from '../../../src/evidence/sighting';
import { silent } from '../../../src/log';
import { presentOwner } from '../../../src/state/owner';

const [, , directory = '', maxPeers = '100000'] = process.argv;
const messages = 1_000_000;
const peers = 300_000;

const writer = createFileWriter({
  directory,
  owner: presentOwner(),
  log: { ...silent, warn: (line) => void process.stderr.write(`${line}\n`) },
  days: 30,
  maxPeers: Number(maxPeers),
  isNamed: ({ peer }) => peer.startsWith('named'),
  now: () => new Date(),
});

const kinds: Sighting[] = (['TLSv1.2', 'TLSv1.3', 'none'] as const).map((tls) => ({
  ...unseen,
  outcome: 'delivered',
  level: 'auto',
  tls,
  startTls: tls === 'none' ? 'not_offered' : 'used',
}));

const collect = (): void => (globalThis as { gc?: () => void }).gc?.();
collect();
const before = process.memoryUsage();
let counting = 0;
let flushing = 0;
let mostHeap = 0;
let longest = 0;
for (let at = 0; at < messages;) {
  const begun = performance.now();
  for (const end = Math.min(messages, at + 10_000); at < end; at++) {
    // Each peer once in the first pass; a few have most of the rest, as mail is.
    const peer = at < peers ? at : Math.floor(peers * ((at * 0.618_033_988_7) % 1) ** 4);
    const name = peer < 100 ? `named${peer}.example` : `p${peer}.example`;
    writer.add({ managed: 'ours.example', direction: 'out', peer: name }, kinds[at % 3] as Sighting);
  }
  counting += performance.now() - begun;
  const from = performance.now();
  const ticks = setInterval(() => undefined, 1);
  let last = performance.now();
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await writer.flush();
  longest = Math.max(longest, performance.now() - last);
  clearInterval(ticks);
  clearInterval(watch);
  flushing += performance.now() - from;
  mostHeap = Math.max(mostHeap, process.memoryUsage().heapUsed);
}
collect();
const after = process.memoryUsage();
process.stdout.write(
  `${JSON.stringify({
    nsPerMessage: Math.round((counting / messages) * 1e6),
    flushSeconds: Math.round(flushing / 100) / 10,
    longestPauseMs: Math.round(longest),
    heapMb: Math.round((after.heapUsed - before.heapUsed) / 1e6),
    mostHeapMb: Math.round(mostHeap / 1e6),
    residentMb: Math.round((after.rss - before.rss) / 1e6),
  })}\n`,
);
writer.close();
