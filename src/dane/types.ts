/** What DANE is about. Plain data. */

/** A TLSA record as published (RFC 6698 section 2.1). It may be unusable; see `usableRecords`. */
export interface TlsaRecord {
  /** 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE. Any octet may be published. */
  readonly usage: number;
  /** 0 the whole certificate, 1 its SubjectPublicKeyInfo. */
  readonly selector: number;
  /** 0 the data itself, 1 SHA-256, 2 SHA-512. */
  readonly matchingType: number;
  readonly data: Uint8Array;
}

/** DANE authentication of one host (RFC 7672): usable records only, never empty. */
export interface DaneAuthentication {
  /** Where the records were found; also the SNI and the first reference identifier for usage 2. */
  readonly baseDomain: string;
  /** The port to which the records belong. */
  readonly port: number;
  readonly records: readonly TlsaRecord[];
  /** Reference identifiers for usage 2, the base domain first. */
  readonly referenceNames: readonly string[];
}
