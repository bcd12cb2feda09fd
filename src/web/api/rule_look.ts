/** Which rule a peer of the table has, and where it is written. Pure. */
import { parsePeer, type PeerIndex } from '../../peers/index';
import type { PeerKey } from '../../evidence/day_table';
import { nullSender } from '../../evidence/peer_name';
import { firstApplicable, inboundCandidates, outboundCandidates, ownerOf } from '../../peers/candidates';
import type { Day } from '../../peers/day';
import { formatNetwork } from '../../peers/network';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { completeInbound, completeOutbound, inboundDefaults, outboundDefaults } from '../../peers/rules';
import { isWritten, standing, type Section } from '../../peers/section';
import type { Settings } from '../../settings/schema/types';

export interface RuleLook {
  readonly rule: OutboundRule | InboundRule | undefined;
  readonly name: string;
  readonly level: string;
  readonly minTlsVersion: string;
  readonly enforcement: string;
  /** Of the section that won; line 0 where nobody wrote it. */
  readonly file: string;
  readonly line: number;
  /** Whether a section names exactly this peer, and whether that applies. */
  readonly status: 'enabled' | 'disabled' | 'lapsed' | 'not_listed';
  /** `YYYY-MM-DD`, empty for none. */
  readonly exemptUntil: string;
}

/** What is looked at again and again is worked out once for each section. */
export class RuleBook {
  readonly #settings: Settings;
  readonly #today: Day;
  readonly #known = new Map<string, Map<Section<object>, Omit<RuleLook, 'status' | 'exemptUntil'>>>();

  constructor(settings: Settings, today: Day) {
    this.#settings = settings;
    this.#today = today;
  }

  look(key: PeerKey): RuleLook {
    const owner = ownerOf(this.#settings, key.managed);
    if (owner.kind === 'invalid') return invalid(owner.failure.text);
    const own = this.#ownSection(key);
    const state = own === undefined ? 'not_listed' : statusOf(own, this.#today);
    const exemptUntil = own?.values.exempt_until ?? '';
    const winner =
      key.direction === 'out'
        ? firstApplicable(
            outboundCandidates(this.#settings, owner, wildcardInside(key.peer)),
            this.#settings.global.outbound,
            this.#today,
          )
        : firstApplicable(
            inboundCandidates(this.#settings, owner, inboundPeer(key.peer)),
            this.#settings.global.inbound,
            this.#today,
          );
    const of = `${key.direction} ${key.managed}`;
    const known = this.#known.get(of) ?? new Map<Section<object>, Omit<RuleLook, 'status' | 'exemptUntil'>>();
    this.#known.set(of, known);
    let look = known.get(winner);
    if (look === undefined) {
      const rule =
        key.direction === 'out'
          ? completeOutbound(winner, outboundDefaults(this.#settings, owner), this.#today)
          : completeInbound(winner as never, inboundDefaults(this.#settings, owner), this.#today);
      look = {
        rule,
        name: rule.name,
        level: rule.level,
        minTlsVersion: rule.minTlsVersion,
        enforcement: rule.enforcement,
        file: winner.file,
        line: isWritten(winner) ? winner.line : 0,
      };
      known.set(winner, look);
    }
    return { ...look, status: state, exemptUntil };
  }

  /** The section whose header names exactly this peer: of the domain's file, else of tls-peers.ini. */
  #ownSection({ managed, direction, peer }: PeerKey): Section<{ exempt_until?: Day }> | undefined {
    const domain = this.#settings.domains.get(managed);
    const files =
      domain?.kind === 'managed' && domain.status === 'enabled' ? [domain] : [this.#settings.global];
    for (const file of files) {
      const index: PeerIndex<Section<{ exempt_until?: Day }>> =
        direction === 'out' ? file.outboundPeers : file.inboundPeers;
      const found = inIndex(index, peer);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function inIndex<S>(index: PeerIndex<S>, peer: string): S | undefined {
  if (peer.startsWith('*.')) return index.wildcards.get(peer.slice(2));
  const name = index.names.get(peer);
  if (name !== undefined || !/:|\d$/.test(peer)) return name;
  const parsed = parsePeer(peer);
  if (parsed?.kind !== 'network') return undefined;
  const { family, prefix, bits } = parsed.network;
  return index.networks[family].find((group) => group.prefix === prefix)?.networks.get(bits);
}

function statusOf(section: Section<{ exempt_until?: Day }>, today: Day): RuleLook['status'] {
  const found = standing(section, today);
  return found === 'applies' ? 'enabled' : found;
}

function invalid(text: string): RuleLook {
  const none = { rule: undefined, level: '', minTlsVersion: '', enforcement: '', file: '', line: 0 };
  return { ...none, name: text, status: 'not_listed', exemptUntil: '' };
}

/** A name that only this wildcard, or a longer one, can fit. */
function wildcardInside(peer: string): string {
  return peer.startsWith('*.') ? `any${peer.slice(1)}` : peer;
}

function inboundPeer(peer: string): { readonly ip: string; readonly senderDomain: string } {
  const parsed = /:|\d$/.test(peer) ? parsePeer(peer) : undefined;
  if (parsed?.kind === 'network') {
    const [ip = ''] = formatNetwork(parsed.network).split('/');
    return { ip, senderDomain: '' };
  }
  return { ip: '', senderDomain: peer === nullSender ? '' : wildcardInside(peer) };
}
