/** Inbound rules for networks that leave others nothing to apply to. Pure. */
import { isForAll } from '../../peers/candidates';
import { allSections, type PeerIndex } from '../../peers/index';
import { parseNetwork, width, type Network } from '../../peers/network';
import { isWritten, standing, type InboundSection } from '../../peers/section';
import type { Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import type { FilesView } from './check';
import { atSection } from './section_fault';
import { enabledDomains } from './written_rules';

/** A network rule whose every address is covered by longer prefixes never applies. */
export function shadowedNetworks({ settings, today }: FilesView): Fault[] {
  const applies = (section: InboundSection) => standing(section, today) === 'applies';
  return [
    ...sharedShadowed(settings.global, applies),
    ...[...enabledDomains(settings)].flatMap(({ inboundPeers, inbound }) =>
      shadowedIn(inboundPeers, inbound, applies),
    ),
  ];
}

type Applies = (section: InboundSection) => boolean;

/** For managed domains, the others that stand for them, too, alone can cover one whose scope is `all`. */
function sharedShadowed({ inboundPeers, inbound }: Settings['global'], applies: Applies): Fault[] {
  const forAll = new Set<InboundSection>([...allSections(inboundPeers)].filter(isForAll));
  const inAnyCase = shadowedIn(inboundPeers, inbound, applies);
  const ofAll = shadowedIn(inboundPeers, inbound, (section) => applies(section) && forAll.has(section));
  const lines = new Set(ofAll.map(({ line }) => line));
  const forAllLines = new Set([...forAll].map(({ line }) => line));
  return inAnyCase.filter(({ line = 0 }) => !forAllLines.has(line) || lines.has(line));
}

function shadowedIn(index: PeerIndex<InboundSection>, rest: InboundSection, applies: Applies): Fault[] {
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
  return [...found, ...shadowedByEverything(index, rest, applies)];
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
function shadowedByEverything(
  index: PeerIndex<InboundSection>,
  rest: InboundSection,
  applies: Applies,
): Fault[] {
  const everything = ['0.0.0.0/0', '::/0'].every((text) => coversAll(index, text, applies));
  if (!everything) return [];
  const named = [...index.names.values(), ...index.wildcards.values(), rest];
  return named
    .filter((section) => isWritten(section) && applies(section))
    .map((section) => atSection(section, 'never applies: rules for networks cover every address'));
}

function coversAll(index: PeerIndex<InboundSection>, text: string, applies: Applies): boolean {
  const network = parseNetwork(text);
  if (network === undefined) return false;
  const first = index.networks[network.family].at(-1);
  return first?.prefix === 0 && [...first.networks.values()].some(applies);
}
