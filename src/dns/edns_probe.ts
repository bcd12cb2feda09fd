/** Finds out whether one resolver must be asked without OPT. Doubts end with OPT: to be wrong about that holds mail, and leaks none. */
import { ednsSign, type EdnsConclusion, type EdnsSupport, type OptMode } from './edns';
import type { Exchange } from './exchange';

export interface EdnsProbe {
  readonly transport: 'udp' | 'tls';
  /** What is known by now. */
  readonly support: () => EdnsSupport;
  /** Puts the question of the probe, once. Never rejects. */
  readonly ask: (mode: OptMode) => Promise<Exchange>;
}

export interface EdnsFinding {
  readonly conclusion: EdnsConclusion;
  /** What the resolver said in the mode that was concluded. */
  readonly exchange: Exchange;
  readonly mode: OptMode;
  /** What it said at first to a question with OPT. */
  readonly withOpt: Exchange;
}

/** Questions of either kind that are compared. */
const pairs = 3;
/** One may be lost on the way. */
const answersNeeded = pairs - 1;

/**
 * One question with OPT, as all others have it, and mostly that is all. Where the answer looks as if OPT were not
 * understood, more is asked, all of it at one time:
 *
 * - with OPT over TCP, where nobody off the path can answer, and where no firewall minds the size of a datagram;
 * - with and without OPT in pairs. A resolver that is overloaded, or is just starting, treats both alike.
 *
 * Without EDNS is a resolver that understood none with OPT, and answered those without. So to forge answers is
 * to guess four ids and ports, not one, and to keep TCP from answering.
 */
export async function probeEdns({ transport, support, ask }: EdnsProbe): Promise<EdnsFinding> {
  const withOpt = await ask('with_opt');
  const found = (conclusion: EdnsConclusion, mode: OptMode, exchange: Exchange): EdnsFinding => ({
    conclusion,
    mode,
    exchange,
    withOpt,
  });
  const sign = ednsSign(withOpt);
  if (sign === 'answered') return found('with_opt', 'with_opt', withOpt);
  const nothing = found('none', 'with_opt', withOpt);
  if (sign === 'unclear') return nothing;

  const known = support();
  const everSpoken = known === 'spoken' || known === 'spoken_over_tcp';
  const [overTcp, again, without] = await Promise.all([
    several(transport === 'udp' ? 1 : 0, () => ask('with_opt_over_tcp')),
    several(everSpoken ? 1 : pairs, () => ask('with_opt')),
    several(everSpoken ? 0 : pairs, () => ask('without_opt')),
  ]);
  const understood = again.find(isAnswer);
  if (understood !== undefined) return found('with_opt', 'with_opt', understood);
  const answerOverTcp = overTcp.find((exchange) => isAnswer(exchange) && (everSpoken || hasOpt(exchange)));
  if (answerOverTcp !== undefined) return found('over_tcp_only', 'with_opt_over_tcp', answerOverTcp);
  const answers = without.filter(isAnswer);
  const [answer] = answers;
  const noneUnderstood = again.every((exchange) => ednsSign(exchange) === 'not_understood');
  if (everSpoken)
    return noneUnderstood && !isSilence(withOpt) ? found('no_longer', 'with_opt', withOpt) : nothing;
  return answer !== undefined && answers.length >= answersNeeded && noneUnderstood
    ? found('without_opt_only', 'without_opt', answer)
    : nothing;
}

function several(times: number, ask: () => Promise<Exchange>): Promise<Exchange[]> {
  return Promise.all(Array.from({ length: times }, ask));
}

function isAnswer(exchange: Exchange): boolean {
  return ednsSign(exchange) === 'answered';
}

/** That of a resolver that is down, as far as anybody can tell. */
function isSilence(exchange: Exchange): boolean {
  return exchange.kind === 'failed';
}

function hasOpt(exchange: Exchange): boolean {
  return exchange.kind === 'answer' && exchange.message.hasOpt;
}
