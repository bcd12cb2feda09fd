import { expect, test } from 'vitest';
import { changesBetween, wishedValues, withWish } from '../../src/cli/rule_changes';
import { utcDay } from '../../src/peers/day';
import { parsePeer } from '../../src/peers/index';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

test('a peer of mail of no managed domain is wished for in tls-peers.ini, and changes no other', () => {
  const { settings } = loadSettings(
    memorySource({
      'tls-peers.ini': '[outbound]\nsecurity_level = opportunistic\n',
      'tls-peers/ours.example.ini': '[outbound]\nsecurity_level = opportunistic\n',
    }),
  );
  const wish = {
    direction: 'out',
    managed: '',
    peer: parsePeer('peer.example'),
    values: wishedValues(['security_level=mandatory'], 'out'),
  } as const;
  const change = changesBetween(settings, withWish(settings, wish), utcDay(new Date()));
  expect(change({ managed: '', direction: 'out', peer: 'peer.example' })).toMatchObject({
    before: { level: 'opportunistic' },
    after: { level: 'mandatory' },
  });
  expect(change({ managed: '', direction: 'out', peer: 'other.example' })).toBe('unchanged');
  expect(change({ managed: 'ours.example', direction: 'out', peer: 'peer.example' })).toBe('unchanged');
});
