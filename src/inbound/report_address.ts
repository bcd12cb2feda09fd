/** Addresses to which others send their TLS reports. Pure. */
import { plainMailAddress } from '../mail_address';

/**
 * @param listed as settings have them, domains in canonical form
 * @param address of the envelope; local parts are compared as most hosts do: without regard to case
 */
export function isReportAddress(listed: readonly string[], address: string): boolean {
  if (listed.length === 0) return false;
  const plain = plainMailAddress(address.replace(/^<|>$/g, ''))?.toLowerCase();
  return plain !== undefined && listed.some((one) => one.toLowerCase() === plain);
}
