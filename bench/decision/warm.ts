/** Decisions with everything cached, by this suite and by what else there is. */
import { runChild } from '../child';
import type { Effort, Figure } from '../report';
import { openSurroundings } from './surroundings';
import type { WarmOrder, WarmResult } from './warm_child';
import { openPostfixResolver, startEcho } from './postfix';

export async function measureWarm(effort: Effort): Promise<{ figures: Figure[]; notes: string[] }> {
  const surroundings = await openSurroundings(0);
  const postfix = await openPostfixResolver();
  const echo = await startEcho();
  try {
    const order: WarmOrder = {
      dns: surroundings.dns,
      echoPort: echo.port,
      postfixPort: postfix.kind === 'running' ? postfix.port : undefined,
      ...(effort === 'quick' ? { rounds: 3, decisions: 5_000 } : { rounds: 9, decisions: 30_000 }),
    };
    const file = new URL('warm_child.ts', import.meta.url).pathname;
    const { figures } = await runChild<WarmResult>(file, order, { env: surroundings.env });
    return { figures, notes: postfix.kind === 'running' ? notes : [...notes, postfix.why] };
  } finally {
    echo.stop();
    if (postfix.kind === 'running') await postfix.stop();
    await surroundings.stop();
  }
}

const notes = [
  'per second of processor time, one decision after the other; p99 by the clock',
  'mx-connect and mailauth keep no DNS answers: once as they are, over loopback, and once with every answer from memory',
  'a socket is in the way of postfix-mta-sts-resolver; the bare round trip over one is there to compare',
];
