/** What was decided about a host of a plugin's answer, in words. Decides nothing. */
import type { Failure } from '../failure';
import type { Standing } from './mx_answer';
import { lookupFailure } from './texts';

/** Who answered, and about which domain. */
interface Answered {
  readonly by: string | undefined;
  readonly domain: string;
}

/** Where a host stands, before what was found about it. */
export function standingText(by: string | undefined, standing: Standing): string {
  const answered = `answered by ${by ?? 'a plugin'}`;
  switch (standing.kind) {
    case 'route':
      return `route, ${answered}`;
    case 'own_mx':
      return `MX host, ${answered}`;
    case 'forged':
      return `no MX host by our resolver, ${answered} from DNS`;
    case 'stray':
      return `neither MX host nor route, ${answered}`;
    case 'unknown':
      return `MX not known, ${answered}`;
  }
}

/** @param protection what protects mail to the domain: DANE, or a policy */
export function forgedText({ by, domain }: Answered, host: string, protection: string): string {
  return (
    `${by === undefined ? 'a plugin' : `the plugin ${by}`} answered get_mx with ${host === '' ? 'a null MX' : host} from DNS, ` +
    `but our own resolver finds no such MX host of ${domain}, mail to which ${protection} protects`
  );
}

/** Why a host is refused of which our own look-up, which failed, would have said where it stands. */
export function unknownFailure(standing: Standing, domain: string): Failure {
  if (standing.kind === 'unknown') return lookupFailure(standing.failure, `MX hosts of ${domain}`);
  throw new Error(`no look-up failed about a host of ${domain} (${standing.kind})`);
}

/** `failure`, and what to do where the operator means a route that nothing says is one. */
export function withAdvice(failure: Failure, { by, domain }: Answered, host: string): Failure {
  const { reason } = failure;
  if (reason !== 'dane-required' && reason !== 'mx-not-in-policy') return failure;
  const plugin = by === undefined ? '' : ` (or the plugin ${by})`;
  const text =
    `${host} is no MX host of ${domain} that our own resolver finds: where it is a route of yours, list it${plugin} ` +
    `under [outbound] routes[] in tls-peers.ini; ${failure.text}`;
  return { reason, text, fault: 'ours' };
}
