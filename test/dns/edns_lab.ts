/** A resolver beside its lab: what resolvers make of OPT, and what is asked of them. */
import { afterEach } from 'vitest';
import { createResolver, type Resolver, type ResolverOptions } from '../../src/dns/resolver';
import { silent, type Log } from '../../src/log';
import { LabResolver, type Behaviour, type LabAnswer, type LabQuery } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

const cleanups: (() => unknown)[] = [];

/** Ends what a test of this file began, and looks for what it left behind. */
export function cleanUpAfterEach(): void {
  watchLeftovers();
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await nothingLeft();
  });
}

export async function lab(
  answer: Behaviour,
  options: Omit<NonNullable<Parameters<typeof LabResolver.start>[1]>, 'otherwise'> = {},
): Promise<LabResolver> {
  const started = await LabResolver.start({}, { ...options, otherwise: answer });
  cleanups.push(() => started.close());
  return started;
}

export function resolverFor(labs: readonly LabResolver[], options: Partial<ResolverOptions> = {}) {
  const said: string[] = [];
  const log: Log = {
    ...silent,
    notice: (line) => said.push(`notice ${line}`),
    warn: (line) => said.push(`warn ${line}`),
  };
  const servers = labs.map(({ server }) => server);
  const resolver = createResolver({ servers, log, timeoutMs: 600, ...options });
  cleanups.push(() => resolver.close());
  return { resolver, said };
}

/** Claims to have validated, which without OPT counts for nothing. */
export const old: LabAnswer = { ad: true, opt: 'left_out', answers: [{ type: 'A', data: '192.0.2.1' }] };
export const modern: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] };

/** Nothing but a header, as servers send it that do not go on reading. */
export function bare(rcode: number, additionals = 0): Behaviour {
  return ({ id }) => {
    const header = Buffer.alloc(12 + 11 * additionals);
    header.writeUInt16BE(id, 0);
    header.writeUInt16BE(0x8000 | rcode, 2);
    header.writeUInt16BE(additionals, 10);
    if (additionals > 0) header.writeUInt16BE(41, 13);
    return header;
  };
}

export const refusal =
  (rcode: number): Behaviour =>
  () => ({ rcode, opt: 'left_out' });
export const silence: Behaviour = () => 'silence';

/** What resolvers that know no EDNS make of OPT (RFC 6891 section 7, RFC 2671 section 5.3). */
export const ignorance: readonly (readonly [string, Behaviour])[] = [
  ['FORMERR', refusal(1)],
  ['FORMERR and nothing else', bare(1)],
  ['NOTIMP', refusal(4)],
  ['NOTIMP and nothing else', bare(4)],
  ['SERVFAIL', refusal(2)],
  ['silence', silence],
];

export const withoutEdns =
  (refuse: Behaviour, answer: LabAnswer = old): Behaviour =>
  (query) =>
    query.opt === 'with_opt' ? refuse(query) : answer;

export const gist = async (answer: ReturnType<Resolver['a']>): Promise<string> => {
  const got = await answer;
  if (got.kind === 'failed') return got.cause;
  return `${got.secure ? 'secure' : 'insecure'} ${got.kind}`;
};

export const asked = (started: LabResolver, opt: LabQuery['opt']) =>
  started.queries.filter((query) => query.opt === opt);
