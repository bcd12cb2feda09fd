/** What else could be asked how a peer is to be treated: the Node libraries mx-connect and mailauth. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { MTASTSPolicy } from 'mailauth';
import mxConnect from 'mx-connect';
import type { MxConnectOptions, TlsaRecordOfMxConnect } from 'mx-connect';
import { getPolicy, validateMx } from 'mailauth/lib/mta-sts.js';
import { createResolver, parseResolverServer } from '../../src/dns/resolver';

/** Answers from memory, as a resolver with a perfect cache would: `dns.resolve(name, type)`. */
export type Answers = (name: string, type: string) => unknown[];

type Callback = (error: Error | null, answer?: unknown[]) => void;

/** The callback form that mx-connect wants. A missing answer is what `node:dns` makes of it. */
function fromMemory(answers: Answers): NonNullable<MxConnectOptions['dnsOptions']>['resolve'] {
  return (name: string, type: string | Callback, callback?: Callback) => {
    const [rrtype, done] = typeof type === 'function' ? ['A', type] : [type, callback as Callback];
    const found = answers(name, rrtype);
    if (found.length > 0) done(null, found);
    else done(Object.assign(new Error(`query${rrtype} ENODATA ${name}`), { code: 'ENODATA' }));
  };
}

export type Scope = 'plain' | 'dane' | 'mta-sts' | 'dane and mta-sts';

export interface MxConnectSubject {
  readonly scope: Scope;
  readonly resolveTlsa: (name: string) => Promise<TlsaRecordOfMxConnect[]>;
  /** From memory where given, else it asks DNS, through `node:dns`. */
  readonly answers?: Answers;
  readonly knownPolicy?: MTASTSPolicy;
}

/** Everything that mx-connect does up to the connection, which it is spared. */
export async function mxConnectDecides(peer: string, subject: MxConnectSubject): Promise<void> {
  const { scope, answers, knownPolicy, resolveTlsa } = subject;
  const connection = await mxConnect({
    target: peer,
    ...(answers === undefined ? {} : { dnsOptions: { resolve: fromMemory(answers) } }),
    dane: { enabled: scope.startsWith('dane'), resolveTlsa },
    mtaSts: {
      enabled: scope.endsWith('mta-sts'),
      cache: { get: () => Promise.resolve(knownPolicy ?? false), set: () => Promise.resolve(false) },
    },
    connectHook: (_delivery, options, done) => {
      options.socket = new EventEmitter() as unknown as Socket;
      done();
    },
  });
  const { policyMatch, tlsaRecords, hostname } = connection;
  if (scope.endsWith('mta-sts') && policyMatch?.mode !== 'enforce' && peer.startsWith('sts')) {
    throw new Error(`mx-connect found no policy for ${hostname}`);
  }
  if (scope.startsWith('dane') && peer.startsWith('dane') && (tlsaRecords ?? []).length === 0) {
    throw new Error(`mx-connect found no TLSA record for ${hostname}`);
  }
}

/** mailauth's part alone: the policy and whether the host is in it. No MX, no addresses. */
export async function mailauthDecides(
  peer: string,
  known: MTASTSPolicy | undefined,
  answers: Answers | undefined,
): Promise<MTASTSPolicy> {
  const resolver = (name: string, type: string): Promise<string[]> =>
    Promise.resolve((answers as Answers)(name, type) as string[]);
  const options = answers === undefined ? {} : { resolver };
  const { policy } = await getPolicy(peer, known, options);
  if (!validateMx(`mx.${peer}`, policy).valid || policy.mode !== 'enforce') {
    throw new Error(`mailauth found no policy for ${peer}`);
  }
  return policy;
}

/** Node before 22.15 knows no TLSA: this suite's own transport stands in, without a cache. */
export function tlsaOverDns(server: string): MxConnectSubject['resolveTlsa'] & { close(): void } {
  const parsed = parseResolverServer(server);
  if (typeof parsed === 'string') throw new Error(parsed);
  const resolver = createResolver({
    servers: [parsed],
    cache: { maxEntries: 0, maxSize: 1_000_000, minTtl: 0, maxTtl: 0, maxNegativeTtl: 0, failureTtl: 0 },
  });
  const resolve = async (name: string): Promise<TlsaRecordOfMxConnect[]> => {
    const answer = await resolver.tlsa(name);
    if (answer.kind !== 'records') return [];
    return answer.records.map(({ usage, selector, matchingType, data }) => ({
      usage,
      selector,
      mtype: matchingType,
      cert: Buffer.from(data),
    }));
  };
  return Object.assign(resolve, { close: () => resolver.close() });
}
