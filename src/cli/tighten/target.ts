/** Where the section for one peer goes, so that it is the one that applies, and what must be left as it is. Pure. */
import {
  isForAll,
  judge,
  outboundCandidates,
  ownerOf,
  type Owner,
  type Verdict,
} from '../../peers/candidates';
import type { PeerKey } from '../../evidence/day_table';
import type { Day } from '../../peers/day';
import { canonicalDomain } from '../../names';
import type { OutboundRule } from '../../peers/rule';
import { completeOutbound, outboundDefaults } from '../../peers/rules';
import type { OutboundSection } from '../../peers/section';
import { peerText } from '../../settings/checks/section_fault';
import { globalFile } from '../../settings/load/source';
import type { Settings } from '../../settings/schema/types';

export type Target =
  | {
      readonly kind: 'target';
      /** The rule in force. */
      readonly rule: OutboundRule;
      /** Relative to Haraka's config directory. */
      readonly file: string;
      /**
       * `own`: the section of this peer, which is edited; `above`: a new section takes the place of the one for more peers, and
       * carries over what that says; `default`: a new one inherits all of it.
       */
      readonly from: 'own' | 'above' | 'default';
      readonly winner: OutboundSection;
    }
  /** Somebody decided otherwise, or no section could say it. */
  | { readonly kind: 'left'; readonly why: string };

/** @param key of the record, outbound */
export function targetOf(settings: Settings, key: PeerKey, today: Day): Target {
  const { managed, peer } = key;
  if (canonicalDomain(peer) !== peer) return left('no section can name it');
  const owner = ownerOf(settings, managed);
  if (owner.kind === 'invalid') return left(owner.failure.text);
  if (managed !== '' && owner.kind !== 'managed') return left(`${managed} is not managed any more`);
  const verdicts = judge(outboundCandidates(settings, owner, peer), today);
  const at = verdicts.findIndex(({ outcome }) => outcome === 'wins');
  const passedOver = verdicts.slice(0, Math.max(0, at)).find((one) => speaksOf(one, owner, peer));
  if (passedOver !== undefined) {
    const { section, outcome } = passedOver;
    return left(
      outcome === 'disabled'
        ? `${section.name} is disabled`
        : `${section.name} has lapsed: take it out first`,
    );
  }
  const winner = verdicts[at]?.section ?? settings.global.outbound;
  if (winner.values.exempt_until !== undefined)
    return left(`${winner.name} is an exemption until ${winner.values.exempt_until}`);
  const rule = completeOutbound(winner, outboundDefaults(settings, owner), today);
  if (rule.level === 'none') return left(`${winner.name} says that TLS is not to be tried`);
  const named = peerText(winner);
  const file = owner.kind === 'managed' ? owner.domain.file : globalFile;
  if (named === peer && winner.file === file) {
    if (owner.kind !== 'managed' && isForAll(winner))
      return left(`${winner.name} has scope = all: it stands for managed domains, too`);
    return { kind: 'target', rule, file, from: 'own', winner };
  }
  return { kind: 'target', rule, file, from: named === '' ? 'default' : 'above', winner };
}

function left(why: string): Target {
  return { kind: 'left', why };
}

/** A section that is for this peer and does not apply now. A wildcard that has lapsed is as if absent. */
function speaksOf(
  { section, outcome }: Verdict<OutboundSection>,
  owner: Exclude<Owner, { kind: 'invalid' }>,
  peer: string,
): boolean {
  if (owner.kind === 'managed' && section.file === globalFile && !isForAll(section)) return false;
  return outcome === 'disabled' || (outcome === 'lapsed' && peerText(section) === peer);
}
