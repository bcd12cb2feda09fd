/** Where senders come to, and where this install listens. */
import { networkInterfaces } from 'node:os';
import { plainAddress } from '../peers/network';
import type { Listener } from '../settings/haraka/listeners';

export interface Place {
  readonly whose: 'mx' | 'listener';
  readonly port: number;
  /** The first that answers stands for all of them. */
  readonly addresses: readonly string[];
}

export interface PlacedHost {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly port: number;
}

export interface Here {
  readonly listeners: readonly Listener[];
  /** Whether a listener of this install serves as that host, as far as its certificates tell. */
  readonly isNamedHere: (host: string) => boolean;
}

/** Where senders come, and the listeners of this install where it is the host: they may stand behind something else. */
export function placesOf({ host, addresses, port }: PlacedHost, { listeners, isNamedHere }: Here): Place[] {
  const mx = addresses.map((address): Place => ({ whose: 'mx', port, addresses: [address] }));
  const own = new Set(ownAddresses());
  if (!isNamedHere(host) && !addresses.some((address) => own.has(plainAddress(address)))) return mx;
  const visited = new Set(addresses.map((address) => `${plainAddress(address)} ${port}`));
  return [
    ...mx,
    ...listeners
      .map((one): Place => ({ whose: 'listener', port: one.port, addresses: reachableAt(one.address) }))
      .filter((one) => !one.addresses.some((address) => visited.has(`${plainAddress(address)} ${one.port}`))),
  ];
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((of) => of ?? [])
    .map(({ address }) => plainAddress(address));
}

export function reachableAt(address: string): readonly string[] {
  if (address === '::') return ['127.0.0.1', '::1'];
  return [address === '0.0.0.0' ? '127.0.0.1' : address];
}

/** Address and port. */
export function atText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Signature algorithms by the type of key that makes them. A host that has no such key ends the handshake. */
export const keyFamilies = [
  'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512',
  'RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512',
  'ed25519:ed448',
] as const;
