/**
 * What was counted of one day: for each domain that is to be told, how many sessions there were of each kind. Pure.
 *
 * Nothing that a peer does makes it grow beyond its bounds: further domains put out the least busy ones, further policies of one
 * domain are not kept, and what is rare at one domain loses its details.
 */
import { createHash } from 'node:crypto';
import type { ReportedPolicy } from './judged';
import { resultTypes, type Result } from './result_type';
import type { CountedResult, SessionDetails } from './session';

export interface DomainSessions {
  /** By the id that kinds name them with. */
  readonly policies: Map<string, ReportedPolicy>;
  /** By `kindText`. */
  readonly counts: Map<string, number>;
}

const mostPolicies = 16;
const mostKinds = 64;

/** Domains beyond the limit before the least busy ones go: sorting them out takes time. At least, and as a share. */
const slack = { least: 64, share: 0.1 };

export class SessionTable {
  readonly #domains = new Map<string, DomainSessions>();
  #evicted = 0;
  readonly #maxDomains: number;

  constructor(maxDomains: number) {
    this.#maxDomains = maxDomains;
  }

  get size(): number {
    return this.#domains.size;
  }

  /** How many domains were put out so far. */
  get evicted(): number {
    return this.#evicted;
  }

  add({ domain, mode, policy, result, details }: CountedResult): void {
    const id = this.addPolicy(domain, policy);
    if (id === undefined) return;
    this.addKind(domain, kindText({ mode, policy: id, result, details }), 1);
  }

  /** @returns its id; `undefined` where the domain has more policies in a day than are kept */
  addPolicy(domain: string, policy: ReportedPolicy): string | undefined {
    const { policies } = this.#domain(domain);
    const bounded = boundedPolicy(policy);
    const id = idOf(bounded);
    if (!policies.has(id)) {
      if (policies.size >= mostPolicies) return undefined;
      policies.set(id, bounded);
    }
    return id;
  }

  addKind(domain: string, kind: string, count: number): void {
    const { counts } = this.#domain(domain);
    const known = counts.get(kind);
    if (known !== undefined) counts.set(kind, known + count);
    else if (counts.size < mostKinds) counts.set(kind, count);
    else {
      const rest = withoutDetails(kind);
      counts.set(rest, (counts.get(rest) ?? 0) + count);
    }
  }

  *rows(): Generator<readonly [domain: string, sessions: DomainSessions]> {
    yield* this.#domains;
  }

  get(domain: string): DomainSessions | undefined {
    return this.#domains.get(domain);
  }

  merge(from: SessionTable): void {
    for (const [domain, { policies, counts }] of from.rows()) {
      for (const policy of policies.values()) this.addPolicy(domain, policy);
      for (const [kind, count] of counts) this.addKind(domain, kind, count);
    }
  }

  #domain(domain: string): DomainSessions {
    let found = this.#domains.get(domain);
    if (found !== undefined) return found;
    const most = this.#maxDomains;
    if (this.#domains.size >= most + Math.max(slack.least, most * slack.share)) this.#keepBusiest();
    found = { policies: new Map(), counts: new Map() };
    this.#domains.set(domain, found);
    return found;
  }

  /** Those with failures stay longest: they are what reports are for. */
  #keepBusiest(): void {
    const weight = ({ counts }: DomainSessions): number => {
      let sum = 0;
      for (const [kind, count] of counts) sum += kind.includes(',') ? count * 1000 : count;
      return sum;
    };
    const inOrder = [...this.#domains]
      .map(([domain, sessions]) => [domain, weight(sessions)] as const)
      .sort(([, a], [, b]) => a - b);
    for (const [domain] of inOrder.slice(0, this.#domains.size - this.#maxDomains)) {
      this.#domains.delete(domain);
      this.#evicted += 1;
    }
  }
}

/** One kind of session. */
export interface SessionKind {
  readonly mode: CountedResult['mode'];
  /** The id of the policy. */
  readonly policy: string;
  readonly result: Result | 'success';
  readonly details: SessionDetails;
}

const modes = { on: '+', failures_only: '-' } as const;
const noDetails: SessionDetails = { mxHost: '', receivingIp: '', sendingIp: '', helo: '' };

/** One word without blanks, `=` or line ends: `+POLICY`, of a failure `+POLICY,type,code,mx,ip,sender,helo`. */
export function kindText({ mode, policy, result, details }: SessionKind): string {
  const head = `${modes[mode]}${policy}`;
  if (result === 'success') return head;
  const { mxHost, receivingIp, sendingIp, helo } = details;
  return [head, ...[result.type, result.code, mxHost, receivingIp, sendingIp, helo].map(word)].join(',');
}

/** @returns `undefined` where it is none that this version writes */
export function parseKind(text: string): SessionKind | undefined {
  const [head = '', ...fields] = text.split(',');
  const [, sign, policy = ''] = /^([+-])([0-9a-z]{1,16})$/.exec(head) ?? [];
  if (sign === undefined) return undefined;
  const mode = sign === '+' ? 'on' : 'failures_only';
  if (fields.length === 0) return { mode, policy, result: 'success', details: noDetails };
  const words = fields.map(unword);
  const [type, code, mxHost, receivingIp, sendingIp, helo] = words;
  const known = resultTypes.find((one) => one === type);
  if (known === undefined || code === undefined || words.includes(undefined)) return undefined;
  const details = {
    mxHost: mxHost ?? '',
    receivingIp: receivingIp ?? '',
    sendingIp: sendingIp ?? '',
    helo: helo ?? '',
  };
  return { mode, policy, result: { type: known, code }, details };
}

function word(text: string): string {
  // Half a character could not be encoded.
  return encodeURIComponent(Buffer.from(text.slice(0, 255)).toString());
}

function unword(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function withoutDetails(kind: string): string {
  return kind.split(',', 3).join(',');
}

function idOf(policy: ReportedPolicy): string {
  if (policy.type === 'no-policy-found') return 'n';
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 12);
}

/** Characters of all lines together. A policy may have some thousand lines, and a report need not carry them. */
const longestPolicy = 4_000;

function boundedPolicy(policy: ReportedPolicy): ReportedPolicy {
  if (policy.type === 'no-policy-found') return policy;
  const text = bounded(policy.text);
  return policy.type === 'tlsa' ? { ...policy, text } : { ...policy, text, mx: bounded(policy.mx) };
}

function bounded(lines: readonly string[]): readonly string[] {
  let left = longestPolicy;
  return lines.filter((line) => (left -= line.length) >= 0);
}
