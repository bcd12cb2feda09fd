/** What Haraka is told: for every way in which recipients may fare, each is spoken for once, and the message is let go of. */
import { describe, expect, it } from 'vitest';
import { Attempt } from '../../src/delivery/attempt';
import type { Delivery } from '../../src/delivery/delivery';
import type { Dsn, HarakaMx, HMailItem } from '../../src/delivery/haraka';
import { firstTry } from '../../src/delivery/host_try';
import { tellHaraka } from '../../src/delivery/outcome';
import type { DeliverySummary } from '../../src/delivery/summary';
import type { RecipientOutcome } from '../../src/smtp/recipient';

type Kind = RecipientOutcome['kind'];

class Rcpt {
  constructor(readonly name: string) {}
  toString(): string {
    return `<${this.name}>`;
  }
}

/** Counts as Haraka's does: the queue file is removed with the last one who needs it. */
class FakeMail {
  refcount = 1;
  file: 'kept' | 'removed' = 'kept';
  readonly told: string[] = [];
  readonly parts: FakeMail[] = [];
  readonly notes = {};
  readonly log: string[] = [];
  readonly todo: { domain: string; rcpt_to: Rcpt[] };

  /** Open: the suite asks on behalf of a stand-in, whose hidden state would not be there. */
  readonly pace: 'at once' | 'later';

  constructor(recipients: Rcpt[], pace: 'at once' | 'later') {
    this.pace = pace;
    this.todo = { domain: 'to.example', rcpt_to: recipients };
  }

  discard(): void {
    if (this.refcount === 0) throw new Error('let go of more often than it was held');
    this.refcount -= 1;
    if (this.refcount === 0) this.file = 'removed';
  }

  temp_fail(_why: string, { fail_recips }: { fail_recips: Rcpt[] }): void {
    this.told.push(...fail_recips.map((one) => `${one.name} deferred`));
  }

  bounce(_why: string, { bounce_recips }: { bounce_recips: Rcpt[] }): void {
    this.told.push(...bounce_recips.map((one) => `${one.name} refused`));
    this.discard();
  }

  delivered(...args: unknown[]): void {
    const accepted = args[5] as Rcpt[];
    this.told.push(...accepted.map((one) => `${one.name} delivered`));
    this.log.push(String(args[4]));
    this.discard();
  }

  split_to_new_recipients(recipients: Rcpt[], _response: string, take: (part: FakeMail) => void): void {
    if (recipients.length === this.todo.rcpt_to.length) {
      this.refcount += 1;
      take(this);
      return;
    }
    // Written to disk and read again: what was said of a recipient is gone.
    const part = new FakeMail(
      recipients.map(({ name }) => new Rcpt(name)),
      this.pace,
    );
    this.parts.push(part);
    if (this.pace === 'at once') take(part);
    else setImmediate(() => take(part));
  }

  extend_rcpt_with_dsn(rcpt: Rcpt, { code, cls, sub, det, msg }: Dsn): void {
    Object.assign(rcpt, { dsn_code: code, dsn_status: `${cls}.${sub}.${det}`, dsn_msg: msg });
  }

  lognotice(): void {
    this.log.push('noted');
  }

  logerror(what: string): void {
    this.log.push(`error: ${what}`);
  }
}

const mx: HarakaMx = { exchange: '192.0.2.1', from_dns: 'mx.example', priority: 10 };
const plan = {
  host: 'mx.example',
  preference: 10,
  port: 25,
  addresses: [],
  requirement: { kind: 'cleartext', because: '' },
  recorded: [],
  discovered: '',
} as const;

const codes: Record<Kind, [code: string, status: string]> = {
  delivered: ['250', '2.0.0'],
  deferred: ['450', '4.2.2'],
  refused: ['550', '5.1.1'],
};

function outcome(kind: Kind, index: number): RecipientOutcome {
  const [code, status] = codes[kind];
  return { kind, answer: { code, status, text: `said of ${index}` } };
}

interface Told {
  readonly mail: FakeMail;
  readonly everybody: readonly string[];
  readonly summaries: readonly DeliverySummary[];
}

async function tell(
  recipients: number,
  outcomes: readonly RecipientOutcome[],
  pace: 'at once' | 'later' = 'at once',
  onSplit?: Delivery['onSplit'],
): Promise<Told> {
  const names = Array.from({ length: recipients }, (_one, index) => new Rcpt(String(index)));
  const mail = new FakeMail(names, pace);
  const summaries: DeliverySummary[] = [];
  const delivery = {
    hmail: mail as unknown as HMailItem,
    onSplit: onSplit ?? ((_part, summary) => void summaries.push(summary)),
  } as Delivery;
  const session = { secured: true, authenticated: false };
  await tellHaraka(delivery, new Attempt(1000), firstTry(mx, plan), session, outcomes);
  const everybody = [mail, ...mail.parts].flatMap(({ told }) => told).sort();
  return { mail, everybody, summaries };
}

function combinations(length: number): Kind[][] {
  if (length === 0) return [[]];
  const shorter = combinations(length - 1);
  return (['delivered', 'deferred', 'refused'] as const).flatMap((kind) =>
    shorter.map((rest) => [kind, ...rest]),
  );
}

const all = [1, 2, 3, 4].flatMap(combinations);

describe.each(['at once', 'later'] as const)('where a part is written %s', (pace) => {
  it.each(all.map((kinds) => ({ kinds })))('$kinds', async ({ kinds }) => {
    const { mail, everybody, summaries } = await tell(kinds.length, kinds.map(outcome), pace);
    expect(everybody).toEqual(kinds.map((kind, index) => `${index} ${kind}`).sort());
    // All of it waits, or nothing holds it any more; so it is with the parts.
    const waits = kinds.every((kind) => kind === 'deferred');
    expect([mail.refcount, mail.file]).toEqual(waits ? [1, 'kept'] : [0, 'removed']);
    for (const part of mail.parts) {
      const deferred = part.told.every((line) => line.endsWith('deferred'));
      expect([part.refcount, part.file]).toEqual(deferred ? [1, 'kept'] : [0, 'removed']);
    }
    // What was said of a recipient goes with it.
    const concerned = waits || kinds.every((kind) => kind === 'refused') ? [mail] : mail.parts;
    for (const { todo } of concerned) {
      for (const rcpt of todo.rcpt_to) {
        const kind = kinds[Number(rcpt.name)]!;
        const [code, status] = codes[kind];
        expect(rcpt).toMatchObject({
          reason: `${code} ${status} said of ${rcpt.name}`,
          dsn_action: kind === 'refused' ? 'failed' : 'delayed',
          dsn_status: status,
          dsn_smtp_code: code,
          dsn_smtp_extc: status,
          dsn_smtp_response: `said of ${rcpt.name}`,
          dsn_remote_mta: '192.0.2.1',
        });
      }
    }
    expect(summaries).toHaveLength(mail.parts.length);
    // Its own answer, and not another part's.
    summaries.forEach(({ reply }, index) => {
      expect(reply).toContain(`said of ${mail.parts[index]?.todo.rcpt_to[0]?.name ?? ''}`);
    });
  });
});

describe('what nobody expects', () => {
  it.each([
    [1, []],
    [2, ['delivered']],
    [3, ['refused']],
    [3, ['deferred', 'refused']],
  ] as [number, Kind[]][])(
    'of %i recipients only %j are spoken of: the others wait',
    async (count, kinds) => {
      const { everybody } = await tell(count, kinds.map(outcome));
      const said = Array.from({ length: count }, (_one, index) => `${index} ${kinds[index] ?? 'deferred'}`);
      expect(everybody).toEqual(said.sort());
    },
  );

  it.each(['at once', 'later'] as const)(
    'whoever is told of a part (%s) breaks: it goes its way',
    async (pace) => {
      const { mail, everybody } = await tell(
        3,
        (['delivered', 'deferred', 'refused'] as const).map(outcome),
        pace,
        () => {
          throw new Error('boom\r\n');
        },
      );
      expect(everybody).toEqual(['0 delivered', '1 deferred', '2 refused']);
      expect([mail.refcount, mail.file]).toEqual([0, 'removed']);
      expect(mail.log.filter((line) => line.startsWith('error: '))).toEqual(
        Array.from({ length: 2 }, () => expect.stringMatching(/^error: tls-peers: .*boom\\u\{d\}/) as string),
      );
    },
  );

  it('an answer of our own is none that the peer gave', async () => {
    const own = { code: '451', status: '4.4.2', text: 'The peer did not say', own: true } as const;
    const { mail } = await tell(1, [{ kind: 'deferred', answer: own }]);
    const [rcpt] = mail.todo.rcpt_to;
    expect(rcpt).toMatchObject({ dsn_status: '4.4.2', dsn_msg: 'The peer did not say' });
    expect(rcpt).not.toHaveProperty('dsn_smtp_code');
    expect(rcpt).not.toHaveProperty('dsn_remote_mta');
  });

  it('what a peer says is ASCII on one line, in every field', async () => {
    const answer = { code: '550', status: '', text: 'na\u00efve \u202e x' };
    const { mail } = await tell(1, [{ kind: 'refused', answer }]);
    for (const value of Object.values(mail.todo.rcpt_to[0]!)) expect(value).toMatch(/^[\x20-\x7e]*$/);
  });
});
