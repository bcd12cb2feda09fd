/** What the proxies that the operator trusts say of whom they speak for. Pure. */
import { maskTo, parseAddress, plainAddress, type Network } from '../../peers/network';

export interface Hop {
  /** The other side of the connection. */
  readonly address: string;
  /** Whether that connection is encrypted. */
  readonly encrypted: boolean;
}

export interface Client {
  readonly address: string;
  readonly encrypted: boolean;
  /** Whom a trusted proxy let in; empty for nobody. */
  readonly user: string;
}

export interface Trusted {
  readonly trustedProxies: readonly Network[];
  /** In lower case, empty for none. */
  readonly trustProxyUser: string;
}

/** Each field as often as it was sent, names in lower case. */
export type Fields = Readonly<Record<string, readonly string[] | undefined>>;

/** Characters of a user's name. */
const longest = 256;

export function clientOf(hop: Hop, fields: Fields, trusted: Trusted): Client {
  const plain = { ...hop, address: plainAddress(hop.address), user: '' };
  if (!isTrusted(trusted, plain.address)) return plain;
  const claimed = last(fields['x-forwarded-for']);
  const scheme = last(fields['x-forwarded-proto']);
  return {
    address: parseAddress(claimed) === undefined ? plain.address : plainAddress(claimed),
    encrypted: scheme === '' ? hop.encrypted : scheme.toLowerCase() === 'https',
    user: userIn(trusted.trustProxyUser === '' ? undefined : fields[trusted.trustProxyUser]),
  };
}

function isTrusted({ trustedProxies }: Trusted, text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  return trustedProxies.some(
    ({ family, prefix, bits }) => family === address.family && maskTo(address, prefix) === bits,
  );
}

/** What the proxy itself has added stands last. */
function last(values: readonly string[] | undefined): string {
  return (values?.at(-1) ?? '').split(',').at(-1)?.trim() ?? '';
}

/** A header that comes twice may be half the client's own. */
function userIn(values: readonly string[] | undefined): string {
  const [user = '', ...more] = values ?? [];
  return more.length > 0 || user.length > longest ? '' : user.trim();
}
