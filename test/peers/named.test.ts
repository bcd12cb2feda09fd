import { expect, it } from 'vitest';
import { namedPeers } from '../../src/peers/named';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

it('names the peers of every managed domain, wildcards apart', () => {
  const { settings } = loadSettings(
    memorySource({
      'tls-peers/a.example.ini': '[outbound peer.example]\n[outbound *.bank.example]\n[inbound in.example]\n',
      'tls-peers/b.example.ini': 'status = disabled\n[outbound Bücher.example]\nstatus = disabled\n',
    }),
  );
  const naming = namedPeers(settings);
  const fates = [
    'peer.example',
    'xn--bcher-kva.example',
    'bank.example',
    'www.eu.bank.example',
    'x.peer.example',
    'in.example',
  ];
  expect(fates.map((name) => naming(name))).toEqual(['named', 'named', 'not', 'below', 'not', 'not']);
});
