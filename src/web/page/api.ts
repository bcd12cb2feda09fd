/** Asks the API. What others have written in is made visible on the way: no control character reaches the page. */
import { useEffect, useState } from 'preact/hooks';

const base = '/tls-peers/api/v1/';

/** `message` is for people. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Parameters = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export function addressOf(path: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === '') continue;
    if (typeof value === 'string' || typeof value === 'number') query.append(name, String(value));
    else for (const one of value) query.append(name, one);
  }
  // Of no managed domain is a question of its own.
  if (parameters['managed'] === '') query.append('managed', '');
  const text = query.toString();
  return `${base}${path}${text === '' ? '' : `?${text}`}`;
}

/** @throws ApiFailure */
export async function ask<T>(path: string, parameters?: Parameters, signal?: AbortSignal): Promise<T> {
  return read<T>(await fetch(addressOf(path, parameters), signal === undefined ? {} : { signal }));
}

/** What does something. @throws ApiFailure */
export async function act<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
  return read<T>(await fetch(base + path, { method: 'POST', body: new URLSearchParams(parameters) }));
}

async function read<T>(response: Response): Promise<T> {
  // The session is over: the log-in comes in place of the page, and leads back here.
  if (response.status === 401) location.reload();
  const found: unknown = JSON.parse(await response.text(), (_, value: unknown) =>
    typeof value === 'string' ? visible(value) : value,
  );
  if (!response.ok) throw new ApiFailure(response.status, messageIn(found));
  return found as T;
}

function messageIn(found: unknown): string {
  const { error } = (found ?? {}) as { readonly error?: { readonly message?: unknown } };
  return typeof error?.message === 'string' ? error.message : 'this could not be answered';
}

/** Control characters, separators and bidirectional overrides as escapes; line ends stay. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) =>
    char === '\n' ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

export type Loaded<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'there'; readonly value: T; readonly isStale: boolean }
  | { readonly kind: 'failed'; readonly message: string };

/** What the API says now; the last answer stays until the next is there. @param every milliseconds until it is asked again */
export function useAnswer<T>(path: string, parameters: Parameters = {}, every = 0): Loaded<T> {
  const address = addressOf(path, parameters);
  const [loaded, set] = useState<{ readonly address: string; readonly of: Loaded<T> }>({
    address,
    of: { kind: 'loading' },
  });
  useEffect(() => {
    const gone = new AbortController();
    const load = (): void => {
      fetch(address, { signal: gone.signal })
        .then((response) => read<T>(response))
        .then((value) => set({ address, of: { kind: 'there', value, isStale: false } }))
        .catch((error: unknown) => {
          if (gone.signal.aborted) return;
          set({
            address,
            of: { kind: 'failed', message: error instanceof Error ? error.message : String(error) },
          });
        });
    };
    load();
    const timer = every > 0 ? setInterval(() => document.hidden || load(), every) : undefined;
    return () => {
      gone.abort();
      clearInterval(timer);
    };
  }, [address]);
  if (loaded.address === address) return loaded.of;
  return loaded.of.kind === 'there' ? { ...loaded.of, isStale: true } : { kind: 'loading' };
}
