/** Decisions with everything cached, by this suite and by what else there is. */
import { runChild } from '../child';
import type { Effort, Figure } from '../report';
import { openSurroundings } from './surroundings';
import type { WarmOrder, WarmResult } from './warm_child';
import { openPostfixResolver, startEcho, type PostfixResolver } from './postfix';

export async function measureWarm(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const surroundings = await openSurroundings(0);
  const sqlite = await openPostfixResolver('sqlite');
  const internal = await openPostfixResolver('internal');
  const echo = await startEcho();
  try {
    const order: WarmOrder = {
      dns: surroundings.dns,
      echoPort: echo.port,
      postfixPorts: { sqlite: portOf(sqlite), internal: portOf(internal) },
      ...(effort === 'quick' ? { rounds: 3, decisions: 5_000 } : { rounds: 9, decisions: 30_000 }),
    };
    const file = new URL('warm_child.ts', import.meta.url).pathname;
    const { figures } = await runChild<WarmResult>(file, order, { env: surroundings.env });
    return { figures, notes: sqlite.kind === 'running' ? notes : [...notes, sqlite.why] };
  } finally {
    echo.stop();
    for (const postfix of [sqlite, internal]) if (postfix.kind === 'running') await postfix.stop();
    await surroundings.stop();
  }
}

function portOf(postfix: PostfixResolver): number | undefined {
  return postfix.kind === 'running' ? postfix.port : undefined;
}

const notes = [
  'per second of processor time, one decision after the other; p99 by the clock',
  'mx-connect and mailauth keep no DNS answers: once as they are, over loopback, and once with every answer from memory',
  'postfix-mta-sts-resolver with the cache that the Debian package is configured for, and with its fastest',
  'a socket is in the way of postfix-mta-sts-resolver; the bare round trip over one is there to compare',
];
