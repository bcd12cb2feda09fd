/**
 * Whether a stricter level would have let go everything that went to a peer. The same question is asked of thousands of peers
 * under few rules and of few kinds of messages: each answer is worked out once. Pure.
 */
import { unasked } from '../../evidence/sighting';
import { effectOf } from '../../evidence/views/impact';
import type { InboundRule, OutboundRule, SecurityLevel } from '../../peers/rule';
import type { Kind } from './kinds';

export type Holds = 'yes' | 'no' | 'not_known';

/** From the strictest down. Neither of the first two is stricter than the other: what the peer publishes decides. */
const stricterThan: Readonly<Record<SecurityLevel, readonly SecurityLevel[]>> = {
  none: [],
  opportunistic: ['mandatory_dane', 'verify', 'mandatory'],
  mandatory: ['mandatory_dane', 'verify'],
  verify: [],
  opportunistic_dane: ['mandatory_dane', 'verify', 'mandatory'],
  mandatory_dane: [],
  mta_sts: ['verify', 'mandatory'],
  auto: ['mandatory_dane', 'verify', 'mandatory'],
};

const inboundAbove: Readonly<Record<InboundRule['level'], readonly InboundRule['level'][]>> = {
  opportunistic: ['mandatory'],
  mandatory: [],
};

export class Stricter {
  readonly #answers = new Map<string, Holds>();
  readonly #names = new Map<object, string>();

  /** Levels above, the strictest first, each with whether it would have held. */
  *levels(
    rule: OutboundRule | InboundRule,
    kinds: readonly (readonly [id: number, kind: Kind])[],
  ): Generator<readonly [level: string, holds: Holds]> {
    if (kinds.every(([, { went }]) => !went)) return;
    for (const level of levelsAbove(rule)) {
      let holds: Holds = 'yes';
      for (const [id, kind] of kinds) {
        if (!kind.went) continue;
        const one = this.#holds(rule, level, id, kind);
        if (one === 'no') holds = 'no';
        else if (one === 'not_known' && holds === 'yes') holds = 'not_known';
      }
      yield [level, holds];
    }
  }

  #holds(rule: OutboundRule | InboundRule, level: string, id: number, { sighting }: Kind): Holds {
    const key = `${this.#nameOf(rule)} ${level} ${id}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const after = { ...rule, level, enforcement: 'enforce' };
    const { kind } = effectOf(
      isOutbound(rule)
        ? { direction: 'out', before: rule, after: after as OutboundRule }
        : { direction: 'in', before: rule, after: after as InboundRule },
      unasked(sighting),
      'went',
    );
    const holds = kind === 'none' ? 'yes' : kind === 'notKnown' ? 'not_known' : 'no';
    this.#answers.set(key, holds);
    return holds;
  }

  /** Rules that say the same have the same name. */
  #nameOf(rule: OutboundRule | InboundRule): string {
    const known = this.#names.get(rule);
    if (known !== undefined) return known;
    const name = JSON.stringify({ ...rule, name: isOutbound(rule) ? 'out' : 'in' });
    this.#names.set(rule, name);
    return name;
  }
}

function isOutbound(rule: OutboundRule | InboundRule): rule is OutboundRule {
  return 'match' in rule;
}

function levelsAbove(rule: OutboundRule | InboundRule): readonly string[] {
  return isOutbound(rule) ? stricterThan[rule.level] : inboundAbove[rule.level];
}
