/** The certificates that a peer sent in a handshake. Where they come from is for `tls/sent_chain`. */
import type { X509Certificate } from 'node:crypto';

/** The leaf at once, all of them parsed only when they are asked for. */
export interface PeerCertificates {
  /** DER; empty where the peer sent none. */
  readonly leaf: Uint8Array;
  /** As the peer sent them, the leaf first. The same list at every call. */
  readonly chain: () => readonly X509Certificate[];
}
