/** The TLSA records of a managed domain, held against what its MX hosts and the listeners of this install show. */
import { sanMatches } from '../x509/names';
import { lookAtHosts, type LookOptions } from './shown';
import { hostRemarks, hostVerdict, type HostVerdict, type KeyOf, type Remarks } from './shown_text';
import { isForKeyOf, nextKeyNote, tlsaText, type Chain, type ZoneRecord } from './zone';

export interface HeldOptions extends Omit<LookOptions, 'isNamedHere'> {
  readonly domain: string;
  /** The certificates of this install. */
  readonly chains: readonly Chain[];
  /** What should be published. */
  readonly wanted: readonly ZoneRecord[];
  readonly now: Date;
}

/** Asks DNS and connects. Never rejects, and each visit has its deadline. */
export async function heldAgainstShown(
  options: HeldOptions,
): Promise<Remarks & { readonly verdicts: readonly HostVerdict[] }> {
  const { domain, chains, now } = options;
  const isNamedHere = (host: string) => chains.some(([leaf]) => sanMatches(leaf, host));
  const hosts = await lookAtHosts(domain, { ...options, isNamedHere });
  const keyOf = keysOf(options);
  const said = hosts.map((host) => hostRemarks(host, keyOf, now));
  const unseen = hosts.filter(({ shown }) => shown.every(({ session }) => session === undefined));
  return {
    verdicts: hosts.map(hostVerdict),
    wrong: [
      ...said.flatMap(({ wrong }) => wrong),
      ...unseen.flatMap(({ facts }) =>
        facts?.tlsa.kind === 'present'
          ? strangers(facts.tlsa.baseDomain, facts.tlsa.records.map(tlsaText), keyOf)
          : [],
      ),
    ],
    notes: said.flatMap(({ notes }) => notes),
  };
}

function keysOf({ chains, wanted }: HeldOptions): KeyOf {
  const next = new Set(wanted.filter(({ note }) => note === nextKeyNote).map(({ data }) => data));
  const here = new Set(wanted.map(({ data }) => data));
  return (record) => {
    if (next.has(record)) return 'next';
    return here.has(record) || isForKeyOf(chains, record) ? 'here' : 'unknown';
  };
}

/** Where nothing was shown: published records that no certificate here matches. */
function strangers(baseDomain: string, published: readonly string[], keyOf: KeyOf): string[] {
  return published
    .filter((text) => keyOf(text) === 'unknown')
    .map(
      (text) => `_25._tcp.${baseDomain}. IN TLSA ${text} is published, and is for no key that was found here`,
    );
}
