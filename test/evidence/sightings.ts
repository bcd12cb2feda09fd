import { unseen, type Sighting } from '../../src/evidence/sighting';

/** A message to a peer with modern TLS, a good certificate, and neither DANE nor a policy. */
export const modern: Sighting = {
  ...unseen,
  outcome: 'delivered',
  level: 'auto',
  tls: 'TLSv1.3',
  startTls: 'used',
  group: 'classic',
  verified: 'unauthenticated',
  minimum: 'TLSv1',
  strength: 0,
  pkix: 'pass',
  mx: 'insecure',
  tlsa: 'none',
  policy: 'none',
};
