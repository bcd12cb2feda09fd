import { enclosingNetwork, maskTo, parseAddress } from '../peers/network';

/** Whether a host list of tls.ini (`no_tls_hosts`) names a host, a domain or an address; entries may be networks. */
export function isListed(list: readonly string[], name: string): boolean {
  if (list.includes(name)) return true;
  const address = parseAddress(name);
  if (address === undefined) return false;
  return list.some((entry) => {
    const network = enclosingNetwork(entry);
    return network?.family === address.family && maskTo(address, network.prefix) === network.bits;
  });
}
