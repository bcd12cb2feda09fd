/** Plain mail addresses, as settings and reports name them. Pure. */
import { canonicalDomain } from './names';

/** @returns with its domain in canonical form; `undefined` where `text` is no address without quotes */
export function plainMailAddress(text: string): string | undefined {
  const [, local, name = ''] = /^([!#-'*+/-9=?^-~A-Z-]{1,64})@([^@]+)$/.exec(text) ?? [];
  const domain = canonicalDomain(name);
  return local === undefined || domain === undefined ? undefined : `${local}@${domain}`;
}
