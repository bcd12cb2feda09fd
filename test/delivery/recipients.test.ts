import { expect, test } from 'vitest';
import type { HostFailure } from '../../src/delivery/attempt';
import type { Dsn, HMailItem, Recipient } from '../../src/delivery/haraka';
import { forgetAttempts, noteFailure, noteUndeliverable } from '../../src/delivery/recipients';

/** A recipient that another attempt has said something of in every way there is. */
const seenBefore = (): Required<Recipient> => ({
  reason: 'old',
  dsn_action: 'delayed',
  dsn_status: '4.0.0',
  dsn_code: 450,
  dsn_msg: 'old',
  dsn_remote_mta: 'old.example',
  dsn_smtp_code: '450',
  dsn_smtp_extc: '4.0.0',
  dsn_smtp_response: 'old',
});

/** As much of a message as is needed, and what Haraka's part does with a DSN. */
function messageTo(recipients: Recipient[]): HMailItem {
  const hmail: Pick<HMailItem, 'todo' | 'extend_rcpt_with_dsn'> = {
    todo: {
      domain: 'peer.example',
      mail_from: { host: 'ours.example', address: () => 'a@ours.example', format: () => '<a@ours.example>' },
      rcpt_to: recipients as HMailItem['todo']['rcpt_to'],
    },
    extend_rcpt_with_dsn: (rcpt, { code, cls, sub, det, msg }: Dsn) => {
      Object.assign(rcpt, { dsn_code: code, dsn_status: `${cls}.${sub}.${det}`, dsn_msg: msg });
    },
  };
  return hmail as HMailItem;
}

test('nothing of earlier attempts remains', () => {
  const recipient = seenBefore();
  forgetAttempts([recipient]);
  expect(recipient).toEqual({});
});

test.each<[what: string, failure: HostFailure | undefined, remote: object]>([
  [
    'of a host',
    { kind: 'network', host: 'mx.peer.example', text: '' },
    { dsn_remote_mta: 'mx.peer.example' },
  ],
  [
    'at one address of a host',
    { kind: 'network', host: 'mx.peer.example [192.0.2.1]', text: '' },
    { dsn_remote_mta: 'mx.peer.example' },
  ],
  ['of our own', { kind: 'network', host: '', text: '' }, {}],
  ['that has no name', undefined, {}],
])('a failure %s replaces what was said of each recipient', (_what, failure, remote) => {
  const recipients: Recipient[] = [seenBefore(), {}];
  noteFailure(messageTo(recipients), '4.7.5', failure, 'new');
  const said = { reason: 'new', dsn_code: 451, dsn_status: '4.7.5', dsn_msg: 'new', ...remote };
  expect(recipients).toEqual([said, said]);
});

test.each([
  ['null_mx', '5.1.10'],
  ['no_such_domain', '5.1.2'],
  ['no_address', '5.1.2'],
] as const)('a domain that takes no mail (%s) has the status %s', (cause, status) => {
  const recipients: Recipient[] = [{}, {}];
  const text = noteUndeliverable(messageTo(recipients), {
    kind: 'undeliverable',
    domain: 'peer.example',
    cause,
  });
  expect(text).toContain('peer.example');
  const said = { dsn_code: 550, dsn_status: status, dsn_msg: text };
  expect(recipients).toEqual([said, said]);
});
