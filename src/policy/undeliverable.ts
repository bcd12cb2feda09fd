/** A domain to which nothing can be delivered, in words. */
import type { UndeliverableCause } from './requirement';

interface Undeliverable {
  /** RFC 3463, RFC 7505. */
  readonly status: string;
  readonly text: (domain: string) => string;
  /** For the sender. Where Haraka knows the cause, in its words. */
  readonly bounce: (domain: string) => string;
}

export const undeliverable: Readonly<Record<UndeliverableCause, Undeliverable>> = {
  null_mx: {
    status: '5.1.10',
    text: (domain) => `${domain} takes no mail (null MX, RFC 7505)`,
    bounce: (domain) => `Domain ${domain} sends and receives no email (NULL MX)`,
  },
  no_such_domain: {
    status: '5.1.2',
    text: (domain) => `${domain} does not exist`,
    bounce: (domain) => `No Such Domain: ${domain}`,
  },
  no_address: {
    status: '5.1.2',
    text: (domain) => `${domain} has neither MX records nor an address`,
    bounce: (domain) => `Domain ${domain} has neither MX records nor an address`,
  },
};
