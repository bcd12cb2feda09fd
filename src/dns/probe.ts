/**
 * Finds out whether the resolvers validate, and says so once, with what to do. It decides whether a resolver is asked without OPT;
 * otherwise it informs.
 */
import { setMaxListeners } from 'node:events';
import type { Log } from '../log';
import { questionText, type Question } from './question';
import { forwarderAt, serverText, type Forwarder, type ResolverServer } from './server';
import type { EdnsSupport } from './edns';
import type { Upstream } from './upstream';

/** What one resolver showed. */
export type ProbeFinding =
  | { readonly server: string; readonly kind: 'validates' }
  /** It says that it validated, but anybody on the way could have said so. */
  | { readonly server: string; readonly kind: 'untrusted_path' }
  /** It says so, too, but is known to repeat what others say. */
  | { readonly server: string; readonly kind: 'forwarder'; readonly forwarder: Forwarder }
  | { readonly server: string; readonly kind: 'not_validating' }
  /** It answers only questions without OPT. `detail`: what it said to one with OPT. */
  | { readonly server: string; readonly kind: 'without_edns'; readonly detail: string }
  /** It used to answer questions with OPT, and now does not understand them. It is not asked without. */
  | { readonly server: string; readonly kind: 'edns_lost'; readonly detail: string }
  | { readonly server: string; readonly kind: 'no_answer'; readonly detail: string };

export interface ProbeResult {
  /** Such as `. NS`. */
  readonly question: string;
  /** When it was found out. */
  readonly at: Date;
  /** One for each resolver, in their order. */
  readonly findings: readonly ProbeFinding[];
  /** Those of them that answer questions with OPT over TCP alone. */
  readonly overTcp: readonly string[];
}

export interface ProberOptions {
  readonly servers: readonly ResolverServer[];
  readonly question: Question;
  readonly upstream: Upstream;
  /** ms to the next probe while some resolver does not validate; ten times that while all do. */
  readonly intervalMs: number;
  readonly log: Log;
}

export class Prober {
  last: ProbeResult | 'not_probed' = 'not_probed';
  readonly #options: ProberOptions;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<ProbeResult> | undefined;
  /** What was last said of each resolver. */
  readonly #said = new Map<string, ProbeFinding['kind']>();
  /** Resolvers of which was said that they are asked over TCP. */
  readonly #overTcp = new Set<string>();

  constructor(options: ProberOptions) {
    this.#options = options;
    // Several questions for each resolver listen to it at a time.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Resolves when the first probe has ended, at once where it has or where none began. */
  get first(): Promise<unknown> {
    return this.last === 'not_probed' && this.#running !== undefined ? this.#running : Promise.resolve();
  }

  /** Probes all resolvers now; a probe that is under way is shared. Never rejects. */
  probe(): Promise<ProbeResult> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /**
   * A resolver stopped to answer, or answers again: what is to be said of it is found out now. Where nobody ever asked for a
   * probe, nobody is told.
   */
  look(): void {
    if (this.last === 'not_probed' || this.#closing.signal.aborted) return;
    // What the probe itself comes to is said when it has ended.
    if (this.#running === undefined) void this.probe();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  async #run(): Promise<ProbeResult> {
    const { servers, question, log } = this.#options;
    clearTimeout(this.#timer);
    const findings = await Promise.all(servers.map((server) => this.#probeOne(server)));
    const overTcp = [...this.#overTcp];
    const result: ProbeResult = { question: questionText(question), at: new Date(), findings, overTcp };
    if (this.#closing.signal.aborted) return result;
    this.last = result;
    for (const finding of findings) this.#say(finding, log);
    this.#schedule(findings.every(({ kind }) => kind === 'validates'));
    return result;
  }

  async #probeOne(server: ResolverServer): Promise<ProbeFinding> {
    const { question, upstream } = this.#options;
    const name = serverText(server);
    const probed = await upstream.probeOne(server, question, this.#closing.signal);
    const { attempt, conclusion, support, withOpt } = probed;
    this.#sayMode(name, support);
    if (attempt.kind === 'failed') {
      const kind = conclusion === 'no_longer' ? 'edns_lost' : 'no_answer';
      return { server: name, kind, detail: attempt.failure.detail };
    }
    if (support === 'unsupported') return { server: name, kind: 'without_edns', detail: withOpt };
    if (!attempt.authenticData) return { server: name, kind: 'not_validating' };
    if (upstream.isTrusted(server)) return { server: name, kind: 'validates' };
    const forwarder = forwarderAt(server);
    return forwarder === undefined
      ? { server: name, kind: 'untrusted_path' }
      : { server: name, kind: 'forwarder', forwarder };
  }

  #say(finding: ProbeFinding, log: Log): void {
    const before = this.#said.get(finding.server);
    if (before === finding.kind) return;
    this.#said.set(finding.server, finding.kind);
    const text = findingText(finding, questionText(this.#options.question));
    const again = before === 'no_answer' && finding.kind !== 'edns_lost';
    const line = again ? text.replace(/^(resolver \S+) /, '$1 answers again, and ') : text;
    if (finding.kind === 'validates') log.notice(line);
    else log.warn(line);
  }

  #sayMode(server: string, support: EdnsSupport): void {
    if (support !== 'spoken_over_tcp') this.#overTcp.delete(server);
    else if (!this.#overTcp.has(server)) {
      this.#overTcp.add(server);
      this.#options.log.warn(overTcpText(server));
    }
  }

  #schedule(allWell: boolean): void {
    const { intervalMs } = this.#options;
    this.#timer = setTimeout(() => void this.probe(), allWell ? 10 * intervalMs : intervalMs);
    this.#timer.unref();
  }
}

/** What an operator should know about a resolver that is asked over TCP. */
export function overTcpText(server: string): string {
  return (
    `resolver ${server} answers questions with EDNS over TCP and not over UDP: it is asked over TCP, which takes longer. ` +
    'See what stands between, such as a firewall that drops DNS messages of more than 512 octets'
  );
}

/** What an operator should know about one finding, and do. */
export function findingText(finding: ProbeFinding, question: string): string {
  const { server } = finding;
  switch (finding.kind) {
    case 'validates':
      return `resolver ${server} validates DNSSEC (${question} came back with AD): DANE can be used`;
    case 'untrusted_path':
      return (
        `resolver ${server} says that it validates DNSSEC, but the path to it is not protected, so that DANE cannot ` +
        'rely on it: run a validating resolver on 127.0.0.1, use DNS over TLS, or set trust_ad = true if nobody else is on that path'
      );
    case 'forwarder':
      return (
        `resolver ${server} says that it validates DNSSEC, but this is the address of ${forwarderText[finding.forwarder]}, ` +
        'so that DANE cannot rely on it: run a validating resolver such as unbound on 127.0.0.1 and name it in servers, or set ' +
        `trust_ad = true if ${validation[finding.forwarder]}`
      );
    case 'not_validating':
      return (
        `resolver ${server} does not validate DNSSEC (${question} came back without AD), so that DANE cannot rely on it: ` +
        'run a validating resolver such as unbound on 127.0.0.1'
      );
    case 'without_edns':
      return (
        `resolver ${server} does not speak EDNS (${finding.detail}; without OPT it answers): it is asked without OPT and ` +
        'nothing of it is secure, so that DANE cannot rely on it: run a validating resolver such as unbound on 127.0.0.1'
      );
    case 'edns_lost':
      return (
        `resolver ${server} does not answer (${finding.detail}). It has answered with OPT before, and so is never asked without ` +
        'OPT: look-ups fail and mail waits until it does again. If other software without EDNS runs there now, restart Haraka'
      );
    case 'no_answer':
      return `resolver ${server} did not answer the DNSSEC probe (${finding.detail}): check that it runs and allows queries from here`;
  }
}

const forwarderText: Readonly<Record<Forwarder, string>> = {
  'systemd-resolved': 'systemd-resolved, which may only repeat what its own servers say',
  Docker: "Docker's forwarder, which only repeats what the host's servers say",
};

const validation: Readonly<Record<Forwarder, string>> = {
  'systemd-resolved': 'you know that it validates itself (DNSSEC=yes in resolved.conf)',
  Docker: 'you know that they validate and that nobody else is on the path to them',
};
