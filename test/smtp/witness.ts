/**
 * Somebody who stands beside the line and knows nothing of the machine: sees the commands that are written, gives each reply
 * to the oldest that has none (RFC 5321 section 4.1.1, RFC 2920), and says what the peer has promised.
 */
import { classOf } from '../../src/smtp/reply';
import type { Terms } from '../../src/smtp/session';
import type { Turn } from './arbitrary';

export class Witness {
  /** Commands without a reply, the oldest first. The greeting is owed without one. */
  readonly #owed: string[] = ['the greeting'];
  /** Indexes of recipients that were accepted, in order. */
  readonly accepted: number[] = [];
  /** Indexes of those for whom the peer has taken the message. */
  readonly delivered = new Set<number>();
  /** 3yz was said to DATA, and somebody is accepted. */
  mayBegin = false;
  /** The message may go, and all of it went. */
  mayEnd = false;
  readonly #finals: number[] = [];

  readonly #terms: Terms;

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  /** Before what is done about it. */
  sees({ event }: Turn): void {
    if (event.kind === 'message_sent') this.mayEnd = this.mayBegin;
    if (event.kind !== 'reply') return;
    const command = this.#owed.shift() ?? '';
    const said = classOf(event.reply);
    if (command.startsWith('RCPT TO:') && said === 'positive') this.accepted.push(this.#indexOf(command));
    if (command === 'DATA') this.mayBegin = said === 'intermediate' && this.accepted.length > 0;
    if (command === '.' && said === 'positive') {
      const taken = this.#terms.protocol === 'lmtp' ? this.#finals.splice(0, 1) : this.#finals;
      for (const index of taken) this.delivered.add(index);
    } else if (command === '.') {
      this.#finals.shift();
    }
  }

  /** What was done about it. */
  did({ effects }: Turn): void {
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      for (const line of effect.text.split('\r\n').slice(0, -1)) {
        if (line !== '.') this.#owed.push(line);
        else {
          this.#finals.push(...this.accepted);
          const replies = this.#terms.protocol === 'lmtp' ? this.accepted.length : 1;
          this.#owed.push(...Array.from({ length: replies }, () => '.'));
        }
      }
    }
  }

  #indexOf(command: string): number {
    const { task } = this.#terms;
    if (task.kind !== 'deliver') throw new Error('an envelope in a probe');
    return task.envelope.recipients.findIndex(({ ascii }) => command === `RCPT TO:${ascii}`);
  }
}
