import { useEffect, useState } from 'preact/hooks';

/** Whether the media query holds, now and as it changes. */
export function useMedia(text: string): boolean {
  const query = matchMedia(text);
  const [holds, set] = useState(query.matches);
  useEffect(() => {
    const follow = (): void => set(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, [text]);
  return holds;
}
