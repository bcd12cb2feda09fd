import { expect, it } from 'vitest';
import type { PeerKey } from '../../src/evidence/day_table';
import { ruleForClient } from '../../src/inbound/client_rule';
import { judgeRecipient, type Protection } from '../../src/inbound/decide';
import { InboundSightings } from '../../src/inbound/sightings';
import { parseDay, type Day } from '../../src/peers/day';
import { loadSettings } from '../../src/settings/load/load';
import { directorySource } from '../../src/settings/load/source';
import { configDirectory } from '../cli/call';

const today = parseDay('2026-06-15') as Day;

it('a message counts for the network whose rule it fell under, and else for its sender', () => {
  const { directory, remove } = configDirectory({
    'tls-peers/ours.example.ini':
      '[inbound 192.0.2.0/24]\nmin_tls_version = 1.2\n\n[inbound 2001:DB8:0::/32]\n\n[inbound fe.ed]\nmin_tls_version = 1.2\n',
  });
  try {
    const { settings } = loadSettings(directorySource(directory));
    const peers: string[] = [];
    const sightings = new InboundSightings(({ peer }: PeerKey) => peers.push(peer));
    const seen: Protection = { kind: 'tls', protocol: 'TLSv1.3' };
    for (const [ip, senderDomain] of [
      ['192.0.2.7', 'a.example'],
      ['2001:db8::1', 'a.example'],
      ['198.51.100.1', 'fe.ed'],
      ['198.51.100.1', 'A.example'],
      ['198.51.100.1', ''],
    ] as const) {
      const client = { ip, senderDomain, kind: 'peer' } as const;
      const found = ruleForClient(settings, 'ours.example', client, today);
      const transaction = {};
      const verdict = judgeRecipient(found, seen);
      sightings.judged(transaction, {
        settings,
        client,
        recipientDomain: 'ours.example',
        found,
        verdict,
        seen,
      });
      sightings.accepted(transaction, ['ours.example']);
    }
    expect(peers).toEqual(['192.0.2.0/24', '2001:db8::/32', 'fe.ed', 'a.example', '<>']);
  } finally {
    remove();
  }
});
