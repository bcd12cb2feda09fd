/** Which view is shown stands behind the # of the address: it can be kept, sent and gone back to, and no proxy logs it. */
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  readonly view: string;
  readonly query: URLSearchParams;
}

export function routeOf(hash: string): Route {
  const [view = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { view: view === '' ? 'overview' : view, query: new URLSearchParams(query) };
}

export function linkTo(view: string, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.append(name, value);
  const text = query.toString();
  return `#/${view}${text === '' ? '' : `?${text}`}`;
}

export function useRoute(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => set(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return routeOf(hash);
}

/** Another state of the same view, in place of the present one. */
export function replaceQuery(view: string, parameters: Readonly<Record<string, string | undefined>>): void {
  history.replaceState(undefined, '', linkTo(view, parameters));
  dispatchEvent(new HashChangeEvent('hashchange'));
}
