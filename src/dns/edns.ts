/**
 * Which resolvers speak EDNS (RFC 6891), as far as this process has seen.
 *
 * Only questions with an OPT record can bring secure answers, so to make us leave it out is to switch DANE off. Therefore a
 * resolver that ever answered with OPT is asked with it for as long as the process lives, and about all others the probe alone
 * decides: what becomes of the question about one name changes nothing.
 */
import type { Exchange } from './exchange';
import { serverText, type ResolverServer } from './server';

/** How a resolver is asked. */
export type OptMode =
  | 'with_opt'
  /** UDP is passed over: there, questions with OPT bring nothing. */
  | 'with_opt_over_tcp'
  /** As before EDNS: nothing of what comes back is secure. */
  | 'without_opt';

export type EdnsSupport =
  /** Nothing was seen that tells: asked with OPT. */
  | 'not_known'
  /** It answered with OPT: never asked without it. */
  | 'spoken'
  /** The same, but over UDP questions with OPT get no answer: asked over TCP. */
  | 'spoken_over_tcp'
  /** With OPT it answers nothing, and without it does: asked without, and nothing of it is secure. */
  | 'unsupported';

const modes: Readonly<Record<EdnsSupport, OptMode>> = {
  not_known: 'with_opt',
  spoken: 'with_opt',
  spoken_over_tcp: 'with_opt_over_tcp',
  unsupported: 'without_opt',
};

/** What the probe found out about a resolver. */
export type EdnsConclusion =
  /** Questions with OPT are answered. */
  | 'with_opt'
  /** They are answered over TCP, and not over UDP. */
  | 'over_tcp_only'
  /** Only questions without OPT are. */
  | 'without_opt_only'
  /** It spoke EDNS before, and now refuses OPT as what it does not understand. */
  | 'no_longer'
  /** It answered nothing, or nothing that tells. */
  | 'none';

export type ModeListener = (before: OptMode, after: OptMode) => void;

/** One for each process: it outlives the resolvers that are made anew when settings change. */
export class EdnsMemory {
  readonly #standings = new Map<string, EdnsSupport>();
  readonly #listeners = new Set<ModeListener>();

  supportOf(server: ResolverServer): EdnsSupport {
    return this.#standings.get(serverText(server)) ?? 'not_known';
  }

  modeOf(server: ResolverServer): OptMode {
    return modes[this.supportOf(server)];
  }

  /** Whether it was ever heard to speak EDNS. */
  everHeard(server: ResolverServer): boolean {
    const support = this.supportOf(server);
    return support === 'spoken' || support === 'spoken_over_tcp';
  }

  /** An answer came that had an OPT record, or that proves as much. */
  heard(server: ResolverServer): void {
    if (!this.everHeard(server)) this.#set(server, 'spoken');
  }

  /** The probe came to an end. A resolver that was ever heard to speak EDNS is not taken for one without it. */
  concluded(server: ResolverServer, conclusion: EdnsConclusion): void {
    switch (conclusion) {
      case 'with_opt':
        this.#set(server, this.everHeard(server) ? 'spoken' : 'not_known');
        return;
      case 'over_tcp_only':
        this.#set(server, 'spoken_over_tcp');
        return;
      case 'without_opt_only':
        if (!this.everHeard(server)) this.#set(server, 'unsupported');
        return;
      case 'no_longer':
      case 'none':
        return;
    }
  }

  /** Has `listener` called whenever some resolver is asked in another mode from now on. @returns what ends that */
  onChange(listener: ModeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #set(server: ResolverServer, support: EdnsSupport): void {
    const before = this.modeOf(server);
    this.#standings.set(serverText(server), support);
    const after = modes[support];
    if (before !== after) for (const listener of this.#listeners) listener(before, after);
  }
}

/** What the outcome of a question says about EDNS. */
export type EdnsSign =
  | 'answered'
  /** As resolvers that do not know OPT do: FORMERR, NOTIMP or SERVFAIL (RFC 2671 section 5.3) without OPT, or silence. */
  | 'not_understood'
  | 'unclear';

const rcodesOfIgnorance = new Set([1, 2, 4]);

export function ednsSign(exchange: Exchange): EdnsSign {
  switch (exchange.kind) {
    case 'truncated':
      return 'unclear';
    case 'failed':
      return exchange.cause === 'timeout' ? 'not_understood' : 'unclear';
    case 'not_understood':
      return exchange.hasOpt ? 'unclear' : 'not_understood';
    case 'answer': {
      const { rcode, hasOpt } = exchange.message;
      if (rcode === 0 || rcode === 3) return 'answered';
      return rcodesOfIgnorance.has(rcode) && !hasOpt ? 'not_understood' : 'unclear';
    }
  }
}
