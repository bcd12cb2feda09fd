/** `mandatory_dane` with `action_on_failure = bounce`, while our own resolver can tell what is signed, and while it cannot. */
import { afterEach, expect, test } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';

let lab: Lab;
afterEach(() => lab.stop());

test.each([
  // Asked about a zone that is not signed, the resolver looks as if it did not validate.
  ['.', /validates DNSSEC/, 'bounced', '5.7.5', 'its MX records are not DNSSEC-signed'],
  ['unsigned.example', /does not validate DNSSEC/, 'deferred', '4.7.5', 'our own resolver cannot tell'],
] as const)(
  'where the probe asks for %s, the message is %3$s',
  { tags: ['regression'] },
  async (dnssec_probe, said, status, dsn_status, told) => {
    lab = await startLab(
      { domains: { 'unsigned.example': {} } },
      {
        resolver: { dnssec_probe },
        config: {
          'tls-peers/ours.example.ini':
            '[outbound]\nsecurity_level = mandatory_dane\naction_on_failure = bounce\n',
        },
      },
    );
    await lab.haraka.waitForLog(said);
    const outcome = await lab.deliver({ from: 'a@ours.example', to: 'b@unsigned.example' });
    expect(outcome).toMatchObject({ status, recipients: [{ dsn_status }] });
    expect(outcome.error).toContain('dane-required');
    expect(outcome.error).toContain(told);
    expect(lab.peers.flatMap((peer) => peer.connections)).toEqual([]);
  },
);
