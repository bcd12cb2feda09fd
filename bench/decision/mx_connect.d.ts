/** As much of mx-connect as the benchmarks call. */
declare module 'mx-connect' {
  import type { Socket } from 'node:net';
  import type { MTASTSPolicy } from 'mailauth';

  export interface TlsaRecordOfMxConnect {
    readonly usage: number;
    readonly selector: number;
    readonly mtype: number;
    readonly cert: Buffer;
  }

  type Callback = (error: Error | null, answer?: unknown[]) => void;

  export interface MxConnectOptions {
    readonly target: string;
    readonly dnsOptions?: {
      readonly resolve: (name: string, type: string | Callback, callback?: Callback) => void;
    };
    readonly dane?: {
      readonly enabled: boolean;
      readonly resolveTlsa: (name: string) => Promise<TlsaRecordOfMxConnect[]>;
    };
    readonly mtaSts?: {
      readonly enabled: boolean;
      readonly cache: {
        get(domain: string): Promise<MTASTSPolicy | false>;
        set(domain: string, policy: MTASTSPolicy): Promise<unknown>;
      };
    };
    readonly connectHook: (
      delivery: unknown,
      options: { socket?: Socket },
      done: (error?: Error) => void,
    ) => void;
  }

  export default function mxConnect(options: MxConnectOptions): Promise<{
    readonly hostname: string;
    readonly policyMatch?: { readonly mode: string };
    readonly tlsaRecords?: readonly TlsaRecordOfMxConnect[];
  }>;
}
