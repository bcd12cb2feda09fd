/** A plugin's answer to `get_mx`, as a call names it, and what a delivery would make of it. */
import type { Waiting } from '../discovery/asking';
import type { Sources } from '../discovery/discover';
import { discoverAnswer, type AnsweredDomain } from '../discovery/discover_answer';
import { answerOf, plainEntries } from '../delivery/mx_answer';
import type { StsFacts } from '../mta_sts/types';
import type { OutboundRule } from '../peers/rule';
import { decideAnswer, type AnswerFacts } from '../policy/decide_answer';
import type { Decision } from '../policy/requirement';
import { UsageError, type Context } from './command';

/** What `--mx` and `--by` say; `undefined` where neither is given. @throws UsageError */
export function answerOperand(
  options: Context['options'],
  domain: string,
): ReturnType<typeof answerOf> | undefined {
  const { mx, by } = options;
  if (mx === undefined) {
    if (by !== undefined) throw new UsageError('--by goes with --mx');
    return undefined;
  }
  if (options['offline'] === true) throw new UsageError('--mx does not go with --offline');
  const hosts = String(mx)
    .split(',')
    .map((host) => /^\s*([^/\s]+)(?:\/([^/\s]+))?\s*$/.exec(host));
  if (hosts.includes(null)) throw new UsageError('--mx needs hosts, with commas between them');
  const entries = hosts.map((host) => {
    const from_dns = host?.[2];
    return { exchange: host?.[1] ?? '', ...(from_dns === undefined ? {} : { from_dns }) };
  });
  const plugin = by === undefined ? undefined : String(by).replace(/^haraka-plugin-/, '');
  return answerOf(plugin, domain, plainEntries(entries));
}

export async function lookAtAnswer(
  sources: Sources,
  { rule, asking }: { readonly rule: OutboundRule; readonly asking: OutboundRule },
  asked: AnsweredDomain,
  waiting: Waiting,
): Promise<{ readonly destination: AnswerFacts; readonly sts: StsFacts; readonly decision: Decision }> {
  const destination = await discoverAnswer(sources, asking, asked, waiting);
  return { destination, sts: destination.sts, decision: decideAnswer(rule, destination) };
}
