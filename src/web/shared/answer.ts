/** What requests are answered with. Pure. */

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** On everything: nothing is kept by anybody, framed, guessed at, or told to others. */
export const common: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // With `no-referrer`, forms would not say where they come from.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export function text(status: number, line: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body: `${line}\n` };
}

export function json(document: unknown, status = 200, headers: Answer['headers'] = {}): Answer {
  const type = { 'Content-Type': 'application/json; charset=utf-8' };
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(document) };
}

/** As the command has it for its errors. */
export function failure(status: number, message: string, headers: Answer['headers'] = {}): Answer {
  return json({ error: { code: status, message } }, status, headers);
}

export function redirect(status: 303 | 308, location: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { Location: location, ...headers } };
}
