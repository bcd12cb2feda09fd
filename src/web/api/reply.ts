/** What routes answer, and what it is on the wire. */
import { gzipSync } from 'node:zlib';
import { formatCsv, spreadsheetSafe } from '../../cli/csv';

export type Reply =
  | { readonly kind: 'json'; readonly status: number; readonly document: unknown }
  | { readonly kind: 'csv'; readonly name: string; readonly records: readonly (readonly string[])[] };

/** What was asked for cannot be: the message says what is allowed. */
export class AskedWrongly extends Error {}

/** There is none such. */
export class NotThere extends Error {}

/** Not now: it was asked for too often. */
export class TooOften extends Error {
  constructor(readonly seconds: number) {
    super('too often: each of these asks DNS or connects to a peer');
  }
}

export function document(of: unknown): Reply {
  return { kind: 'json', status: 200, document: of };
}

export function csv(name: string, records: readonly (readonly string[])[]): Reply {
  return { kind: 'csv', name, records: records.map((record) => record.map(spreadsheetSafe)) };
}

export function failureOf(error: unknown): { readonly status: number; readonly retry: number } {
  if (error instanceof AskedWrongly) return { status: 400, retry: 0 };
  if (error instanceof NotThere) return { status: 404, retry: 0 };
  if (error instanceof TooOften) return { status: 429, retry: error.seconds };
  return { status: 500, retry: 0 };
}

export interface Written {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Octets from which it is worth it. */
const worthIt = 1_024;

export function written(reply: Reply, gzip: boolean): Written {
  const { type, text, more } =
    reply.kind === 'json'
      ? { type: 'application/json; charset=utf-8', text: JSON.stringify(reply.document), more: {} }
      : {
          type: 'text/csv; charset=utf-8; header=present',
          text: formatCsv(reply.records),
          more: { 'Content-Disposition': `attachment; filename="${reply.name}.csv"` },
        };
  const plain = Buffer.from(text);
  const headers = { 'Content-Type': type, Vary: 'Accept-Encoding', ...more };
  if (!gzip || plain.length < worthIt) return { headers, body: new Uint8Array(plain) };
  const body = new Uint8Array(gzipSync(plain, { level: 5 }));
  return { headers: { ...headers, 'Content-Encoding': 'gzip' }, body };
}
