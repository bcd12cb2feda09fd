/** Peers of `tls-peers.ini` under which managed domains lose the protection that their own default gives. Pure. */
import { isForAll } from '../../peers/candidates';
import type { Day } from '../../peers/day';
import { allSections } from '../../peers/index';
import { standing, type Section } from '../../peers/section';
import { lists, weakensInbound, weakensOutbound } from '../../peers/weakened';
import type { Fault } from '../schema/fault';
import type { ManagedDomain } from '../schema/types';
import type { FilesView } from './check';
import { atSection, peerText } from './section_fault';
import { enabledDomains } from './written_rules';

/** Sections told one by one. Somebody who brings in a list of thousands has understood by then. */
const sectionsTold = 20;

export function weakenedDefaults({ settings, today }: FilesView): Fault[] {
  const domains = [...enabledDomains(settings)];
  const { outboundPeers, inboundPeers } = settings.global;
  const found = [
    ...weakening(allSections(outboundPeers), domains, today, {
      terms: ['security_level', 'enforcement', 'cleartext_fallback'],
      weakens: (domain, section) => weakensOutbound(settings, domain, section, today),
      lists: (domain, peer) => lists(domain.outboundPeers, peer),
      mail: 'mail from',
    }),
    ...weakening(allSections(inboundPeers), domains, today, {
      terms: ['security_level', 'enforcement'],
      weakens: (domain, section) => weakensInbound(settings, domain, section, today),
      lists: (domain, peer) => lists(domain.inboundPeers, peer),
      mail: 'mail to',
    }),
  ];
  const [first] = found.slice(sectionsTold);
  if (first === undefined) return found;
  const more = found.length - sectionsTold;
  const problem = `and ${more} more ${more === 1 ? 'section' : 'sections'} with scope = all that permit cleartext where the default of a managed domain does not`;
  return [...found.slice(0, sectionsTold), { file: first.file, problem }];
}

interface Direction<S> {
  /** The keys that tell whether cleartext is permitted. */
  readonly terms: readonly string[];
  readonly weakens: (domain: ManagedDomain, section: S) => boolean;
  readonly lists: (domain: ManagedDomain, peer: string) => boolean;
  readonly mail: string;
}

/** Sections that say the same of cleartext are judged once: there may be many of them, and many domains. */
function weakening<S extends Section<object>>(
  sections: Iterable<S>,
  domains: readonly ManagedDomain[],
  today: Day,
  { terms, weakens, lists: isListed, mail }: Direction<S>,
): Fault[] {
  const byTerms = new Map<string, readonly ManagedDomain[]>();
  const found: Fault[] = [];
  for (const section of sections) {
    if (!isForAll(section) || standing(section, today) !== 'applies') continue;
    const values: Readonly<Record<string, unknown>> = { ...section.values };
    const key = JSON.stringify(terms.map((term) => values[term] ?? ''));
    const weakened = byTerms.get(key) ?? domains.filter((domain) => weakens(domain, section));
    byTerms.set(key, weakened);
    const peer = weakened.length === 0 ? '' : peerText(section);
    const isWeakened = (domain: ManagedDomain) => !isListed(domain, peer);
    // All are counted only for those that are told: there may be a hundred thousand sections and a thousand domains.
    const all = found.length < sectionsTold ? weakened.filter(isWeakened) : [weakened.find(isWeakened)];
    const [first, ...others] = all;
    if (first === undefined) continue;
    const whose = `${mail} ${first.domain}${others.length === 0 ? '' : ` and ${others.length} more`}`;
    const problem = `permits cleartext for ${whose}, where the default of the managed domain does not (scope = all)`;
    found.push(
      atSection(
        section,
        problem,
        terms.find((term) => term in values),
      ),
    );
  }
  return found;
}
