/** What holds for any terms and any sequence of events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome, State, Terms } from '../../src/smtp/session';
import { times } from '../support/times';
import { anyMoves, anyTerms, password, play, type Turn } from './arbitrary';
import { Witness } from './witness';

const runs = { numRuns: 100 * times };
/** For what few sessions come to. */
const rare = { numRuns: 400 * times };

function always(check: (turns: readonly Turn[], terms: Terms) => void, { numRuns } = runs): void {
  fc.assert(
    fc.property(anyTerms, anyMoves, (terms, moves) => check(play(terms, moves), terms)),
    { numRuns },
  );
}

const effectsOf = (turns: readonly Turn[]) => turns.flatMap(({ effects }) => effects);
const sentBy = (turns: readonly Turn[]) => effectsOf(turns).filter((effect) => effect.kind === 'send');

function outcomesOf(turns: readonly Turn[]): Outcome[] {
  return effectsOf(turns).flatMap((effect) => (effect.kind === 'end' ? [effect.outcome] : []));
}

/** What came before the handshake was done. */
function beforeTls(turns: readonly Turn[]): readonly Turn[] {
  const secured = turns.findIndex(
    ({ before, event }) => before.name === 'handshake' && event.kind === 'secured',
  );
  return secured < 0 ? turns : turns.slice(0, secured);
}

describe('any session', () => {
  it('is played through every state to every outcome here', () => {
    const seen = new Set<string>();
    for (const [terms, moves] of fc.sample(fc.tuple(anyTerms, anyMoves), { numRuns: 1200, seed: 1 })) {
      const turns = play(terms, moves);
      for (const { before } of turns) seen.add(before.name);
      for (const outcome of outcomesOf(turns)) {
        seen.add(outcome.kind);
        if (outcome.kind === 'settled') for (const { kind } of outcome.recipients) seen.add(kind);
        if (outcome.kind === 'next_host') seen.add(outcome.fault.kind);
      }
      for (const { kind } of effectsOf(turns)) seen.add(kind);
    }
    const states: State['name'][] = [
      'greeting',
      'hello',
      'starttls',
      'handshake',
      'auth',
      'measuring',
      'envelope',
      'message',
      'final_dot',
      'empty_dot',
      'leaving',
      'over',
    ];
    const rest = ['settled', 'next_host', 'own_fault', 'probed', 'starttls_missing', 'tls', 'lost'];
    const fates = ['delivered', 'deferred', 'refused', 'warn', 'established', 'note_missing_starttls'];
    expect([...states, ...rest, ...fates].filter((one) => !seen.has(one))).toEqual([]);
  });

  it('is over once the connection is lost, and closes it once, last of all', () => {
    always((turns) => {
      expect(turns.at(-1)?.after.name).toBe('over');
      const kinds = effectsOf(turns).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'close')).toHaveLength(1);
      expect(kinds.at(-1)).toBe('close');
    });
  });

  it('has one outcome', () => {
    always((turns, { task }) => {
      const outcomes = outcomesOf(turns);
      expect(outcomes).toHaveLength(1);
      if (outcomes[0]?.kind === 'settled') expect(task.kind).toBe('deliver');
      if (outcomes[0]?.kind === 'probed') expect(task.kind).toBe('probe');
    });
  });

  it('settles every recipient in one way, which is what the answer says', () => {
    always((turns, { task }) => {
      const [outcome] = outcomesOf(turns);
      if (outcome?.kind !== 'settled' || task.kind !== 'deliver') return;
      expect(outcome.recipients).toHaveLength(task.envelope.recipients.length);
      for (const { kind, answer } of outcome.recipients) {
        // A 3yz is no outcome; what is neither yes nor a final no is tried again.
        const means: Record<string, string> = { 2: 'delivered', 4: 'deferred', 5: 'refused' };
        expect(kind).toBe(means[answer.code.charAt(0)]);
        // What the peer did not say is marked as ours.
        const ours = /^The (?:peer did not say|message has|address)|^the peer took too long/.test(
          answer.text,
        );
        expect(answer.own ?? false).toBe(ours);
      }
    });
  });

  it('sends nothing more once it has taken leave or is over', () => {
    always((turns) => {
      for (const { before, effects } of turns) {
        if (before.name === 'leaving') expect(effects.every(({ kind }) => kind === 'close')).toBe(true);
        if (before.name === 'over') expect(effects).toEqual([]);
      }
    });
  });

  it('is established once, before MAIL, and not without an outcome to come', () => {
    always((turns) => {
      const effects = effectsOf(turns);
      const established = effects.flatMap(({ kind }, at) => (kind === 'established' ? [at] : []));
      const mail = effects.findIndex((effect) => effect.kind === 'send' && effect.text.startsWith('MAIL'));
      expect(established.length).toBeLessThanOrEqual(1);
      if (mail >= 0) expect(established[0]).toBeLessThan(mail);
    });
  });
});

describe('where TLS is required', () => {
  const required = anyTerms.map((terms): Terms => ({ ...terms, tls: { kind: 'required' } }));
  function always(check: (turns: readonly Turn[]) => void): void {
    fc.assert(
      fc.property(required, anyMoves, (terms, moves) => check(beforeTls(play(terms, moves)))),
      runs,
    );
  }

  it('nothing but EHLO, LHLO, STARTTLS and QUIT is sent before it is there', () => {
    always((turns) => {
      for (const { text } of sentBy(turns))
        expect(text).toMatch(/^(?:[EL]HLO [\x21-\x7e]+|STARTTLS|QUIT)\r\n$/);
      const kinds = effectsOf(turns).map(({ kind }) => kind);
      for (const kind of ['established', 'send_message', 'measure_message', 'note_missing_starttls'])
        expect(kinds).not.toContain(kind);
    });
  });

  it('nothing settles anything before it is there', () => {
    always((turns) => {
      for (const { kind } of outcomesOf(turns)) expect(['next_host', 'own_fault']).toContain(kind);
    });
  });

  it('every session that is established has it', () => {
    fc.assert(
      fc.property(required, anyMoves, (terms, moves) => {
        for (const effect of effectsOf(play(terms, moves)))
          if (effect.kind === 'established') expect(effect.ready.channel).toBe('tls');
      }),
      runs,
    );
  });
});

describe('a peer that is ahead within TLS', () => {
  it('is told nothing more but QUIT, and settles nobody by what it says of the message', () => {
    let seen = 0;
    always((turns) => {
      const before = beforeTls(turns).length;
      for (const { before: state, event, effects } of turns.slice(before + 1)) {
        if (event.kind !== 'reply' || event.excess === 0) continue;
        seen += 1;
        for (const effect of effects) {
          if (effect.kind === 'send') expect(effect.text).toBe('QUIT\r\n');
          if (effect.kind !== 'end' || effect.outcome.kind !== 'settled') continue;
          const delivered = effect.outcome.recipients.some(({ kind }) => kind === 'delivered');
          // Behind the last answer whatever comes is nobody's.
          if (delivered) expect(state.name).toBe('final_dot');
        }
      }
    }, rare);
    expect(seen).toBeGreaterThan(20);
  });
});

describe('what is sent', () => {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  const controls = /[\x00-\x1f\x7f]/;

  it('is whole lines without control characters, whatever addresses and names hold', () => {
    always((turns) => {
      for (const { text, shown } of sentBy(turns)) {
        const lines = text.split('\r\n');
        expect(lines.pop()).toBe('');
        expect(lines).toHaveLength(shown.length);
        for (const line of lines) expect(line).not.toMatch(controls);
      }
    });
  });

  it('is the commands of a client, each with what belongs to it', () => {
    const base64 = '[A-Za-z0-9+/]*={0,2}';
    const command = new RegExp(
      `^(?:(?:EHLO|LHLO|HELO) \\S+|STARTTLS|AUTH (?:LOGIN|CRAM-MD5|PLAIN ${base64})|${base64}|` +
        'MAIL FROM:<.*>(?: SIZE=\\d+)?(?: BODY=8BITMIME)?(?: SMTPUTF8)?|RCPT TO:<.*>|DATA|\\.|QUIT)$',
      's',
    );
    always((turns) => {
      for (const { text } of sentBy(turns))
        for (const line of text.split('\r\n')) expect(line).toMatch(command);
    });
  });

  it('shows no secret, and nothing that a log or a terminal would act on', () => {
    const secrets = [password, Buffer.from(password).toString('base64')];
    always((turns) => {
      const said = effectsOf(turns).flatMap((effect) => {
        if (effect.kind === 'send') return effect.shown;
        if (effect.kind === 'warn') return [effect.text];
        if (effect.kind !== 'end') return [];
        const { outcome } = effect;
        if (outcome.kind === 'settled') return outcome.recipients.map(({ answer }) => answer.text);
        if (outcome.kind !== 'next_host') return [];
        return outcome.fault.kind === 'tls' ? [outcome.fault.failure.text] : [outcome.fault.text];
      });
      for (const text of said) {
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
        for (const secret of secrets) expect(text).not.toContain(secret);
      }
    });
  });
});

describe('the message', () => {
  /** Tells a witness everything in order, and asks after each event and after what was done about it. */
  function always(check: (witness: Witness, turn: Turn) => void): void {
    fc.assert(
      fc.property(anyTerms, anyMoves, (terms, moves) => {
        const witness = new Witness(terms);
        for (const turn of play(terms, moves)) {
          witness.sees(turn);
          check(witness, turn);
          witness.did(turn);
        }
      }),
      runs,
    );
  }

  it('goes only after 3yz to DATA, with somebody accepted', () => {
    always((witness, { effects }) => {
      if (effects.some(({ kind }) => kind === 'send_message')) expect(witness.mayBegin).toBe(true);
    });
  });

  it('is ended by the dot only when all of it went; else a dot stands for no message at all', () => {
    always((witness, { event, effects }) => {
      const dot = effects.some((effect) => effect.kind === 'send' && effect.text === '.\r\n');
      if (!dot) return;
      if (witness.accepted.length > 0) expect([witness.mayEnd, event.kind]).toEqual([true, 'message_sent']);
      else expect(event.kind).toBe('reply');
    });
  });

  it('is delivered only to whom a 2yz to the final dot says so', () => {
    always((witness, turn) => {
      for (const outcome of outcomesOf([turn])) {
        if (outcome.kind !== 'settled') continue;
        const delivered = outcome.recipients.flatMap(({ kind }, index) =>
          kind === 'delivered' ? [index] : [],
        );
        expect(delivered).toEqual([...witness.delivered].sort((a, b) => a - b));
      }
    });
  });

  it('has no next host once the peer has taken it for anybody', () => {
    always((witness, turn) => {
      for (const { kind } of outcomesOf([turn])) if (witness.delivered.size > 0) expect(kind).toBe('settled');
    });
  });
});
