import { networkInterfaces } from 'node:os';

/** Whether connections to `address` end at this machine: a loopback address, or that of an interface. */
export function isOwnAddress(address: string): boolean {
  if (/^127\.|^::1$/.test(address)) return true;
  return Object.values(networkInterfaces()).some((own = []) => own.some((one) => one.address === address));
}
