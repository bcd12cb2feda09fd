/**
 * Whether a stricter rule would have let go everything that went to a peer. The same question is asked of thousands of peers
 * under few rules and of few kinds of messages: each answer is worked out once. Pure.
 */
import { unasked } from '../../evidence/sighting';
import { effectOf, type RuleChange } from '../../evidence/views/impact';
import type { InboundRule, OutboundRule } from '../../peers/rule';
import { changeFrom, stricterInboundSteps, stricterSteps } from '../../policy/stricter';
import type { Kind } from './kinds';

export type Holds = 'yes' | 'no' | 'not_known';

interface Step {
  /** The level, or what else is to be written: `cleartext_fallback = never`. */
  readonly name: string;
  readonly change: Exclude<RuleChange, 'unchanged'>;
}

interface Ladder {
  readonly steps: readonly Step[];
  /** By step and kind. */
  readonly answers: Map<string, Holds>;
}

export class Stricter {
  readonly #ladders = new Map<object, Ladder>();
  /** Rules that say the same have the same one. */
  readonly #byText = new Map<string, Ladder>();

  /** The steps up, the strictest first, each with whether it would have held. */
  *levels(
    rule: OutboundRule | InboundRule,
    kinds: readonly (readonly [id: number, kind: Kind])[],
  ): Generator<readonly [step: string, holds: Holds]> {
    if (kinds.every(([, { went }]) => !went)) return;
    const ladder = this.#ladderOf(rule);
    for (const step of ladder.steps) {
      let holds: Holds = 'yes';
      for (const [id, kind] of kinds) {
        if (!kind.went) continue;
        const one = holdsOf(ladder, step, id, kind);
        if (one === 'no') holds = 'no';
        else if (one === 'not_known' && holds === 'yes') holds = 'not_known';
      }
      yield [step.name, holds];
    }
  }

  #ladderOf(rule: OutboundRule | InboundRule): Ladder {
    const known = this.#ladders.get(rule);
    if (known !== undefined) return known;
    const text = JSON.stringify({ ...rule, name: isOutbound(rule) ? 'out' : 'in' });
    const ladder = this.#byText.get(text) ?? { steps: stepsAbove(rule), answers: new Map<string, Holds>() };
    this.#byText.set(text, ladder);
    this.#ladders.set(rule, ladder);
    return ladder;
  }
}

function holdsOf({ answers }: Ladder, { name, change }: Step, id: number, { sighting }: Kind): Holds {
  const key = `${name} ${id}`;
  const known = answers.get(key);
  if (known !== undefined) return known;
  const { kind } = effectOf(change, unasked(sighting), 'went');
  const holds = kind === 'none' ? 'yes' : kind === 'notKnown' ? 'not_known' : 'no';
  answers.set(key, holds);
  return holds;
}

function isOutbound(rule: OutboundRule | InboundRule): rule is OutboundRule {
  return 'match' in rule;
}

function stepsAbove(rule: OutboundRule | InboundRule): Step[] {
  return isOutbound(rule)
    ? stricterSteps(rule).map((after) => ({
        name: nameOf(rule, after),
        change: { direction: 'out', before: rule, after },
      }))
    : stricterInboundSteps(rule).map((after) => ({
        name: nameOf(rule, after),
        change: { direction: 'in', before: rule, after },
      }));
}

function nameOf<Rule extends OutboundRule | InboundRule>(before: Rule, after: Rule): string {
  const { security_level: level, ...others } = changeFrom(before, after);
  // That it is enforced goes without saying.
  return (
    level ??
    Object.entries(others)
      .map(([key, value]) => `${key} = ${value}`)
      .join(', ')
  );
}
