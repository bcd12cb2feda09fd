declare module 'mailauth/lib/dkim/verify' {
  export interface DkimResult {
    readonly signingDomain?: string;
    readonly selector?: string;
    readonly signature?: string;
    readonly signingHeaders?: { readonly keys: string };
    /** Whether the signature has `l=`. */
    readonly canonBodyLengthLimited?: boolean;
    /** The key record. */
    readonly rr?: string;
    readonly status: {
      readonly result: string;
      readonly comment?: string;
      /** The organizational domain that signer and author share. */
      readonly aligned?: string | false;
    };
  }

  export function dkimVerify(
    message: Uint8Array,
    options: {
      readonly resolver: (name: string, type: string) => Promise<readonly (readonly string[])[]>;
      readonly minBitLength?: number;
    },
  ): Promise<{ readonly headerFrom: readonly string[]; readonly results: readonly DkimResult[] }>;
}
