/**
 * What a peer says of each recipient, against what each recipient comes to: the same whether the commands go all at once or
 * one by one, and as a plain reading of the replies has it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { initial, transition } from '../../src/smtp/machine';
import type { Effect, Event, Outcome, State, Terms } from '../../src/smtp/session';
import { times } from '../support/times';
import { anyTls } from './arbitrary';
import { outcomeWords } from './telling';

/** A peer's part, once the session stands: a code each, `closed` or `malformed`. */
interface Peer {
  readonly mail: string;
  /** By recipient. */
  readonly rcpt: readonly string[];
  readonly data: string;
  /** After the final dot; SMTP has the first only, LMTP one for each who was accepted, by recipient. */
  readonly final: readonly string[];
}

/** Mostly good, so that sessions go far. */
function says(good: string, ...others: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant(good) },
    { weight: 2, arbitrary: fc.constantFrom('450', '550', ...others) },
    { weight: 1, arbitrary: fc.constantFrom('421', '530', 'closed', 'malformed') },
  );
}

const anyPeer: fc.Arbitrary<Peer> = fc.integer({ min: 1, max: 6 }).chain((count) => {
  const each = (one: fc.Arbitrary<string>) => fc.array(one, { minLength: count, maxLength: count });
  return fc.record({
    mail: says('250', '200', '354'),
    rcpt: each(says('250', '200', '251', '354')),
    data: says('354', '300', '250'),
    final: each(says('250', '200', '354')),
  });
});

const session = fc.record({
  peer: anyPeer,
  protocol: fc.constantFrom('smtp' as const, 'lmtp' as const),
  tls: anyTls,
});

type Session = typeof session extends fc.Arbitrary<infer T> ? T : never;

/** Where the reply can be seen to be whose: its text is the command's. */
function saying(what: string, to: string): Event {
  if (what === 'closed') return { kind: 'lost', by: 'closed', text: 'the peer closed the connection' };
  if (what === 'malformed') return { kind: 'malformed', text: 'garbage' };
  return { kind: 'reply', reply: { code: what, lines: [to] }, excess: 0 };
}

function outcomeOf({ peer, protocol, tls }: Session, pace: 'pipelined' | 'one_by_one'): Outcome {
  const recipients = peer.rcpt.map((_one, index) => ({ text: `<${index}@b>`, ascii: `<${index}@b>` }));
  const from = { text: '<a@a>', ascii: '<a@a>' };
  const terms: Terms = {
    protocol,
    ehloName: 'me.example',
    tls,
    credentials: 'none',
    task: { kind: 'deliver', envelope: { from, recipients, octets: 'unknown' } },
  };
  let state: State = initial;
  let outcome: Outcome | undefined;
  const accepted: number[] = [];
  /** What has been written and has no reply yet. */
  const asked: Event[] = [saying('220', 'greeting')];

  const answer = (line: string): void => {
    const [verb = ''] = line.split(' ');
    const index = Number(/\d+/.exec(line)?.[0]);
    const offers = [
      'mx',
      ...(tls.kind === 'required' ? ['STARTTLS'] : []),
      ...(pace === 'pipelined' ? ['PIPELINING'] : []),
    ];
    if (/^[EL]HLO$/.test(verb))
      asked.push({ kind: 'reply', reply: { code: '250', lines: offers }, excess: 0 });
    if (verb === 'STARTTLS') asked.push(saying('220', verb), { kind: 'secured' });
    if (verb === 'MAIL') asked.push(saying(peer.mail, verb));
    if (verb === 'DATA') asked.push(saying(peer.data, verb));
    if (verb === 'RCPT') {
      const code = peer.rcpt[index] ?? '';
      if (code.startsWith('2')) accepted.push(index);
      asked.push(saying(code, `RCPT ${index}`));
    }
    if (verb !== '.') return;
    if (accepted.length === 0) {
      if (protocol === 'smtp') asked.push(saying('554', 'no recipients'));
    } else if (protocol === 'smtp') asked.push(saying(peer.final[0] ?? '', 'final'));
    else asked.push(...accepted.map((one) => saying(peer.final[one] ?? '', `final ${one}`)));
  };
  const carryOut = (effect: Effect): void => {
    if (effect.kind === 'end') outcome = effect.outcome;
    if (effect.kind === 'send') effect.text.split('\r\n').forEach(answer);
    if (effect.kind === 'send_message') asked.push({ kind: 'message_sent' });
  };
  for (let event = asked.shift(); event !== undefined && outcome === undefined; event = asked.shift()) {
    const step = transition(terms, state, event);
    state = step.state;
    step.effects.forEach(carryOut);
  }
  if (outcome === undefined) throw new Error(`no outcome: ${JSON.stringify(state)}`);
  return outcome;
}

/** As somebody would read the replies who never heard of pipelining. */
function plainReading({ peer, protocol, tls }: Session): string {
  const nextHost = 'next_host lost in_session';
  const breaks = (code: string, ...wrong: string[]) =>
    [...wrong, '421', 'closed', 'malformed'].includes(code);
  const refuses = (code: string) => /^[45]/.test(code);
  const fate = (code: string) => `${code.startsWith('5') ? 'refused' : 'deferred'} ${code}`;
  const wantsTls = (code: string) => tls.kind === 'broken' && code === '530';
  const settled = (fates: readonly string[]) => `settled ${fates.join(', ')}`;

  if (breaks(peer.mail, '354')) return nextHost;
  if (wantsTls(peer.mail)) return 'next_host tls session';
  if (refuses(peer.mail)) return settled(peer.rcpt.map(() => fate(peer.mail)));
  for (const code of peer.rcpt) {
    if (breaks(code, '354')) return nextHost;
    if (wantsTls(code)) return 'next_host tls session';
  }
  if (peer.rcpt.every(refuses)) return settled(peer.rcpt.map(fate));
  const each = (of: (index: number) => string) =>
    settled(peer.rcpt.map((code, index) => (refuses(code) ? fate(code) : of(index))));

  if (breaks(peer.data, '250')) return nextHost;
  if (wantsTls(peer.data)) return 'next_host tls session';
  if (refuses(peer.data)) return each(() => fate(peer.data));

  const end = (code: string) => (code.startsWith('2') ? `delivered ${code}` : fate(code));
  const broken = (code: string) => ['354', 'closed', 'malformed'].includes(code);
  const [first = ''] = peer.final;
  if (protocol === 'smtp') return broken(first) ? nextHost : each(() => end(first));
  const accepted = peer.rcpt.flatMap((code, index) => (refuses(code) ? [] : [index]));
  const stop = accepted.find((index) => breaks(peer.final[index] ?? '', '354'));
  if (stop !== undefined && stop === accepted[0] && broken(peer.final[stop] ?? '')) return nextHost;
  // From there on nobody was answered, or everybody is put off.
  const rest = stop !== undefined && peer.final[stop] === '421' ? 'deferred 421' : 'deferred 451';
  return each((index) => (stop !== undefined && index >= stop ? rest : end(peer.final[index] ?? '')));
}

it('is the same with PIPELINING and without', () => {
  fc.assert(
    fc.property(session, (one) => {
      expect(outcomeOf(one, 'pipelined')).toEqual(outcomeOf(one, 'one_by_one'));
    }),
    { numRuns: 300 * times },
  );
});

it('is what the replies say, for each recipient by itself', () => {
  fc.assert(
    fc.property(session, (one) => {
      expect(outcomeWords(outcomeOf(one, 'pipelined'))).toBe(plainReading(one));
    }),
    { numRuns: 300 * times },
  );
});

it('has the answer of the recipient whom the peer spoke of', () => {
  fc.assert(
    fc.property(session, (one) => {
      const outcome = outcomeOf(one, 'one_by_one');
      if (outcome.kind !== 'settled') return;
      outcome.recipients.forEach(({ answer }, index) => {
        const about = /^(?:RCPT|final) (\d)$/.exec(answer.text)?.[1];
        // After 421 nothing more is said: it is for those who waited, too.
        if (about !== undefined && answer.code !== '421') expect(about).toBe(String(index));
      });
    }),
    { numRuns: 300 * times },
  );
});
