/** Peers of every kind that a rule can tell apart, each with one host unless it says otherwise. */
import type { World } from '../../../haraka-test-harness/world';

export const world: World = {
  domains: {
    'good.example': {},
    'tls12.example': { mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }] },
    'old.example': { mx: [{ tls: { min: 'TLSv1', max: 'TLSv1.1' } }] },
    'clear.example': { mx: [{ behaviour: 'no-starttls' }] },
    'self-signed.example': { mx: [{ certificate: 'self-signed' }] },
    'wrong-name.example': { mx: [{ certificate: 'wrong-name' }] },
    'expired.example': { mx: [{ certificate: 'expired' }] },
    'broken.example': { mx: [{ behaviour: 'handshake-close' }] },
    'dane.example': { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] },
    'dane-and-ca.example': { dnssec: 'secure', mx: [{ tlsa: ['match'] }] },
    'dane-mismatch.example': { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] },
    'dane-unusable.example': { dnssec: 'secure', mx: [{ tlsa: ['unusable'] }] },
    'insecure-mx.example': {
      dnssec: 'insecure',
      mx: [{ host: 'mx.signed.example', dnssec: 'secure', certificate: 'self-signed', tlsa: ['match'] }],
    },
    'enforce.example': { sts: { policy: { mode: 'enforce' } } },
    'enforce-tls12.example': {
      mx: [{ tls: { min: 'TLSv1.2', max: 'TLSv1.2' } }],
      sts: { policy: { mode: 'enforce' } },
    },
    'enforce-wrong.example': { mx: [{ certificate: 'wrong-name' }], sts: { policy: { mode: 'enforce' } } },
    'enforce-not-named.example': { sts: { policy: { mode: 'enforce', mx: ['mx.other.example'] } } },
    'testing.example': { mx: [{ certificate: 'self-signed' }], sts: { policy: { mode: 'testing' } } },
    'two-hosts.example': {
      mx: [
        { host: 'mx1.two-hosts.example', tls: { min: 'TLSv1.2', max: 'TLSv1.2' }, preference: 10 },
        { host: 'mx2.two-hosts.example', preference: 20 },
      ],
    },
  },
};
