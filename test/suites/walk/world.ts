/**
 * The Internet of the walk: the peers that the rules of the README and of the pages name, at the ports that they have in the world. Our
 * own domain is the README's.
 */
import type { World } from '../../../haraka-test-harness';

export const world: World = {
  domains: {
    'example.com': { dnssec: 'secure', mx: [{ host: 'mx1.example.com' }, { host: 'mx2.example.com' }] },
    // Rules of the README.
    'partner.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'mail.bank.example': { mx: [{ certificate: 'self-signed' }] },
    'legacy.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1' } }] },
    'peer.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['mismatch'] }] },
    // One for each level of docs/configuration.md.
    'broken-tls.example': { mx: [{ behaviour: 'handshake-close' }] },
    'any.example': { mx: [{ certificate: 'self-signed' }] },
    'encrypted.example': { mx: [{ certificate: 'self-signed' }] },
    'named.example': {},
    'pinned.example': { mx: [{ certificate: 'self-signed' }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'only-dane.example': { dnssec: 'secure', mx: [{ certificate: 'private-ca', tlsa: ['match-ta'] }] },
    'sts.example': { sts: {} },
    'auto.example': { sts: {} },
  },
};
