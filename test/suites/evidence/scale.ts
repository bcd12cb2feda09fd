/** A million messages from 300,000 peers in one day: memory, disk, and the time that `traffic` takes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PeerTraffic } from '../../../src/evidence/views/traffic';

const maxPeers = 100_000;

/** Bounds, and why: what 100,000 peers take, and no more for 300,000. */
const limits = { heapMb: 120, diskMb: 60, trafficSeconds: 20 };

export function measureScale(print: (line: string) => void): boolean {
  const install = mkdtempSync(path.join(tmpdir(), 'tls-peers-scale-'));
  try {
    mkdirSync(path.join(install, 'config'));
    writeFileSync(path.join(install, 'config/smtp.ini'), '');
    const directory = path.join(install, 'evidence');
    const child = path.join(import.meta.dirname, 'scale_child.ts');
    const told = JSON.parse(
      execFileSync(process.execPath, ['--expose-gc', '--import', 'tsx', child, directory, String(maxPeers)], {
        encoding: 'utf8',
      }),
    ) as Record<string, number>;
    const diskMb =
      readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0) / 1e6;
    const begun = performance.now();
    const cli = path.resolve(import.meta.dirname, '../../../dist/cli.cjs');
    const text = execFileSync(process.execPath, [cli, 'traffic', '-c', install, '--json'], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    });
    const trafficSeconds = (performance.now() - begun) / 1000;
    const { total, peers } = JSON.parse(text) as { total: { messages: number }; peers: PeerTraffic[] };
    const named = peers.filter(({ peer }) => peer.startsWith('named')).length;
    const others = peers.find(({ peer }) => peer === '(other)')?.messages ?? 0;
    print(
      JSON.stringify({
        ...told,
        diskMb: Math.round(diskMb),
        trafficSeconds: Math.round(trafficSeconds * 10) / 10,
      }),
    );
    print(
      `messages ${total.messages}, peers ${peers.length}, named ${named}, messages of the others ${others}`,
    );
    return (
      total.messages === 1_000_000 &&
      named === 100 &&
      peers.length <= maxPeers * 1.1 + 1 &&
      (told['heapMb'] ?? Infinity) <= limits.heapMb &&
      diskMb <= limits.diskMb &&
      trafficSeconds <= limits.trafficSeconds
    );
  } finally {
    rmSync(install, { recursive: true, force: true });
  }
}
