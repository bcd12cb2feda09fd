/**
 * The Internet of the walk: a network namespace of its own in which the lab's DNS, MX hosts and policy hosts stand at the ports and at
 * public addresses that they have in the world. What lives there needs no shim: the resolver is at 127.0.0.1, as the README has it.
 */
import type { World } from '../../../haraka-test-harness';

/** Our own domains are those of the README; the peers are those that its rules and those of the docs name. */
export const world: World = {
  zones: { 'example.com': 'secure' },
  domains: {
    // Rules of the README.
    'partner.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'mail.bank.example': { mx: [{ certificate: 'self-signed' }] },
    'legacy.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1' } }] },
    'peer.example': { mx: [{ behaviour: 'no-starttls' }] },
    // One for each level.
    'broken-tls.example': { mx: [{ behaviour: 'handshake-close' }] },
    'any.example': { mx: [{ behaviour: 'no-starttls' }] },
    'encrypted.example': { mx: [{ certificate: 'self-signed' }] },
    'named.example': {},
    'pinned.example': { mx: [{ certificate: 'self-signed' }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'only-dane.example': { dnssec: 'secure', mx: [{ certificate: 'private-ca', tlsa: ['match-ta'] }] },
    'sts.example': { sts: {} },
    'auto.example': { sts: {} },
    // What must not get there.
    'stripped.example': { sts: {}, mx: [{ behaviour: 'no-starttls' }] },
    'swapped.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['mismatch'] }] },
  },
};
