/** Inbound rules for networks that leave others nothing to apply to. Pure. */
import type { Day } from '../../peers/day';
import type { PeerIndex } from '../../peers/index';
import { parseNetwork, width, type Network } from '../../peers/network';
import { standing, type InboundSection } from '../../peers/section';
import type { Fault } from '../schema/fault';
import type { ManagedDomain } from '../schema/types';
import type { FilesView } from './check';
import { atSection } from './section_fault';
import { enabledDomains, isWritten } from './written_rules';

/** A network rule whose every address is covered by longer prefixes never applies. */
export function shadowedNetworks({ settings, today }: FilesView): Fault[] {
  return [...enabledDomains(settings)].flatMap((domain) => shadowedIn(domain, today));
}

function shadowedIn(domain: ManagedDomain, today: Day): Fault[] {
  const { inboundPeers: index } = domain;
  const applies = (section: InboundSection) => standing(section, today) === 'applies';
  const found: Fault[] = [];
  for (const family of [4, 6] as const) {
    const longer = new Set<string>();
    for (const { prefix, networks } of index.networks[family]) {
      for (const [bits, section] of networks) {
        if (applies(section) && isCovered({ family, bits, prefix }, longer)) {
          found.push(atSection(section, 'never applies: longer prefixes cover all of its addresses'));
        }
      }
      for (const [bits, section] of networks) if (applies(section)) cover({ family, bits, prefix }, longer);
    }
  }
  return [...found, ...shadowedByEverything(domain, applies)];
}

function cover(network: Network, covered: Set<string>): void {
  covered.add(networkKey(network));
  // Two covered halves cover the whole that they make up, and so on upwards.
  for (let whole = parentOf(network); whole !== undefined; whole = parentOf(whole)) {
    if (!halvesOf(whole).every((half) => covered.has(networkKey(half)))) return;
    covered.add(networkKey(whole));
  }
}

function isCovered(network: Network, covered: ReadonlySet<string>): boolean {
  return covered.has(networkKey(network));
}

function networkKey({ prefix, bits }: Network): string {
  return `${prefix} ${bits}`;
}

function parentOf(network: Network): Network | undefined {
  if (network.prefix === 0) return undefined;
  const prefix = network.prefix - 1;
  const rest = BigInt(width[network.family] - prefix);
  return { ...network, prefix, bits: (network.bits >> rest) << rest };
}

function halvesOf(network: Network): Network[] {
  const prefix = network.prefix + 1;
  const second = network.bits | (1n << BigInt(width[network.family] - prefix));
  return [
    { ...network, prefix },
    { ...network, prefix, bits: second },
  ];
}

/** Rules for all of IPv4 and all of IPv6 leave nothing for names. */
function shadowedByEverything(domain: ManagedDomain, applies: (section: InboundSection) => boolean): Fault[] {
  const { inboundPeers: index } = domain;
  const everything = ['0.0.0.0/0', '::/0'].every((text) => coversAll(index, text, applies));
  if (!everything) return [];
  const named = [...index.names.values(), ...index.wildcards.values(), domain.inbound];
  return named
    .filter((section) => isWritten(section) && applies(section))
    .map((section) => atSection(section, 'never applies: rules for networks cover every address'));
}

function coversAll(
  index: PeerIndex<InboundSection>,
  text: string,
  applies: (section: InboundSection) => boolean,
): boolean {
  const network = parseNetwork(text);
  if (network === undefined) return false;
  const first = index.networks[network.family].at(-1);
  return first?.prefix === 0 && [...first.networks.values()].some(applies);
}
