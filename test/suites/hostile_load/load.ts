/**
 * The steady flow, in a process of its own: messages at fixed times, whatever became of those before. A Haraka that stands
 * still for a while keeps none of them from being due.
 */
import { submit } from '../../../haraka-test-harness/smtp_client';
import { inChild } from './child';
import { now } from './smtp_host';

export interface LoadOrder {
  readonly port: number;
  /** Messages a second. */
  readonly rate: number;
  readonly domains: readonly string[];
}

const patienceMs = 60_000;
const body = `Subject: normal mail\r\n\r\n${'The quick brown fox jumps over the lazy dog.\r\n'.repeat(40)}`;
/** What Haraka did not take, or not in time. */
let refused = 0;

inChild<LoadOrder, 'started', number>({
  start: ({ port, rate, domains }) => {
    const begun = now();
    let number = 0;
    const tick = (): void => {
      for (let due = begun + (number * 1000) / rate; due <= now(); due = begun + (++number * 1000) / rate) {
        void sendOne(port, domains[number % domains.length] ?? '', due);
      }
      setTimeout(tick, 5);
    };
    tick();
    return Promise.resolve('started' as const);
  },
  answer: () => refused,
});

async function sendOne(port: number, domain: string, due: number): Promise<void> {
  try {
    await submit({
      port,
      from: 'a@ours.example',
      to: [`b@${domain}`],
      data: `X-Due: ${due.toFixed(3)}\r\n${body}`,
      timeoutMs: patienceMs,
    });
  } catch {
    refused++;
  }
}
