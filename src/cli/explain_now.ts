/** Which rule governs a message and why, and what a delivery would now be held to: what `explain` and the page tell. */
import { withDeadline } from '../deadline';
import { discover } from '../discovery/discover';
import type { AnsweredEntry } from '../discovery/discover_answer';
import { findingText } from '../dns/probe';
import type { Destination } from '../dns/types';
import { peerName } from '../evidence/peer_name';
import type { PeerTraffic } from '../evidence/views/traffic';
import type { StsFacts } from '../mta_sts/types';
import { isForAll, managedDomain, ownerOf, type InboundPeer } from '../peers/candidates';
import type { Day } from '../peers/day';
import {
  explainInbound,
  explainOutbound,
  type InboundExplanation,
  type OutboundExplanation,
} from '../peers/explain';
import { networkSections } from '../peers/index';
import type { OutboundRule } from '../peers/rule';
import { standing } from '../peers/section';
import { askedBy, type SenderTag } from '../peers/sender_tag';
import { decide } from '../policy/decide';
import type { AnswerFacts } from '../policy/decide_answer';
import type { MxAnswer } from '../policy/mx_answer';
import { withOwnFault } from '../policy/own_fault';
import { askingUnder, ruleUnder, treatmentOf, type Treatment } from '../policy/require_tls';
import { heldToSender } from '../policy/require_tls_hosts';
import type { Decision } from '../policy/requirement';
import { outboundNotLoaded } from '../settings/checks/not_loaded';
import { harakaTls } from '../settings/haraka/outbound_tls';
import { loadSettings } from '../settings/load/load';
import { formatFault } from '../settings/schema/fault';
import type { Settings } from '../settings/schema/types';
import { lookAtAnswer } from './answer_operand';
import type { Context } from './command';
import { lastWeek } from './evidence';
import { asHarakaDelivers, handshakeRemarks } from './haraka_terms';
import { openSources } from './sources';
import { viewpointRemarks } from './viewpoint';

/** Which install, by whose eyes, and when. */
export type Place = Pick<Context, 'directory' | 'source' | 'today'> & Partial<Pick<Context, 'viewpoint'>>;

/** What was not judged, and should be known beside the rest. */
export function remarksAt({ viewpoint }: Place): string[] {
  return viewpoint === undefined ? [] : viewpointRemarks(viewpoint);
}

export interface Explained<E extends OutboundExplanation | InboundExplanation> {
  readonly explanation: E;
  /** Absent where nobody was asked. */
  readonly seen?: Discovered | undefined;
  /** What the sender is taken to ask for (RFC 8689); absent for nothing. */
  readonly requiretls?: 'required' | 'no' | undefined;
  readonly traffic: PeerTraffic | undefined;
  readonly warnings: readonly string[];
}

/** As `--json` prints it. */
export function explainDocument({
  explanation,
  seen,
  traffic,
  warnings,
  requiretls,
}: Explained<OutboundExplanation | InboundExplanation>): object {
  return { ...explanation, remarks: undefined, requiretls, ...seen, traffic, warnings };
}

export interface OutboundAsked {
  /** Domains; the sender's empty for the null sender. */
  readonly sender: string;
  readonly recipient: string;
  /** What a plugin answers to `get_mx`; where absent, the domain's own MX hosts are looked up. */
  readonly answer: MxAnswer<AnsweredEntry> | undefined;
  /** What the sender asks for (RFC 8689). */
  readonly tag?: SenderTag;
  /** Ask no DNS. */
  readonly offline: boolean;
}

export async function explainOutboundNow(
  place: Place,
  { sender, recipient, answer, offline, tag = 'untagged' }: OutboundAsked,
): Promise<Explained<OutboundExplanation>> {
  const { source, today } = place;
  const { settings } = loadSettings(source);
  const explanation = explainOutbound(settings, sender, recipient, today);
  const seen =
    explanation.kind === 'explained' && !offline
      ? await discoverNow(settings, place, {
          rule: explanation.rule,
          treatment: treatmentOf(tag, sender === '' ? 'null_sender' : 'with_sender', explanation.rule),
          domain: recipient,
          answer,
        })
      : undefined;
  const warnings = [
    ...remarksOf(explanation),
    ...outboundNotLoaded({ source, settings, today }).map(formatFault),
    ...remarksAt(place),
  ];
  const managed = managedDomain(settings, sender);
  const traffic = await lastWeek(place, settings, { managed, direction: 'out', peer: peerName(recipient) });
  const requiretls = tag === 'untagged' ? undefined : askedBy[tag];
  return { explanation, seen, traffic, warnings, requiretls };
}

export async function explainInboundNow(
  place: Place,
  asked: InboundPeer & { readonly recipient: string },
): Promise<Explained<InboundExplanation>> {
  const { recipient, ...peer } = asked;
  const { settings } = loadSettings(place.source);
  const explanation = explainInbound(settings, recipient, peer, place.today);
  const warnings = [
    ...remarksOf(explanation),
    ...(peer.ip === '' ? networksLeftOut(settings, recipient, place.today) : []),
    ...remarksAt(place),
  ];
  const managed = managedDomain(settings, recipient);
  const key = { managed, direction: 'in', peer: peerName(peer.senderDomain) } as const;
  return { explanation, traffic: await lastWeek(place, settings, key), warnings };
}

function remarksOf(explanation: OutboundExplanation | InboundExplanation): readonly string[] {
  return explanation.kind === 'explained' ? explanation.remarks : [];
}

/** Without an address no rule for a network is a candidate, although one might win. */
function networksLeftOut(settings: Settings, recipient: string, today: Day): string[] {
  const owner = ownerOf(settings, recipient);
  if (owner.kind === 'invalid') return [];
  const shared = [...networkSections(settings.global.inboundPeers)];
  const networks =
    owner.kind === 'unmanaged'
      ? shared
      : [...networkSections(owner.domain.inboundPeers), ...shared.filter(isForAll)];
  const applying = networks.filter((section) => standing(section, today) === 'applies').length;
  const rules = applying === 1 ? '1 rule for a network was' : `${applying} rules for networks were`;
  return applying === 0 ? [] : [`${rules} left out: name the client with --ip`];
}

/** What a delivery would see now, and decide. */
export interface Discovered {
  /** Whether each resolver validates, and what to do where it does not. */
  readonly resolver: readonly string[];
  readonly destination: Destination | AnswerFacts;
  readonly sts: StsFacts;
  readonly decision: Decision;
  /** What of Haraka's own TLS settings takes part. */
  readonly haraka: readonly string[];
}

interface Asked {
  readonly rule: OutboundRule;
  readonly treatment: Treatment;
  readonly domain: string;
  /** What a plugin answers to `get_mx`; where absent, the domain's own MX hosts are looked up. */
  readonly answer: MxAnswer<AnsweredEntry> | undefined;
}

async function discoverNow(
  settings: Settings,
  { directory, source }: Place,
  { rule: written, treatment, domain, answer }: Asked,
): Promise<Discovered> {
  const sources = openSources(settings.global, directory);
  try {
    const rule = ruleUnder(treatment, written);
    const asking = askingUnder(treatment, rule);
    const routes = settings.global.outbound.values.routes ?? [];
    const facts = withDeadline<Pick<Discovered, 'destination' | 'sts' | 'decision'>>(
      settings.global.timeouts.decision * 1000,
      undefined,
      async (signal) => {
        if (answer !== undefined)
          return lookAtAnswer(sources, { rule, asking }, { domain, answer, routes }, { signal });
        const found = await discover(sources, asking, domain, { signal });
        return { ...found, decision: decide(rule, found) };
      },
    );
    const [{ destination, sts, decision: decided }, probed] = await Promise.all([
      facts,
      sources.resolver.probe(),
    ]);
    const resolver = probed.findings.map((finding) => findingText(finding, probed.question));
    const tls = harakaTls(source);
    const known = 'by' in destination ? destination : { destination, sts };
    const held = heldToSender(withOwnFault(decided, probed), treatment, { rule, facts: known, probed });
    const decision = asHarakaDelivers(held, tls, domain);
    return { resolver, destination, sts, decision, haraka: handshakeRemarks(tls) };
  } finally {
    await sources.close();
  }
}
