/** The name by which Haraka introduces itself. */
import { hostname } from 'node:os';
import { directorySource } from '../load/source';

/** What `config/me` says, or else this host's name, as Haraka does. @param directory Haraka's config directory */
export function heloName(directory: string): string {
  const me = directorySource(directory).read('me');
  const name = me.kind === 'file' ? (me.text.split('\n')[0] ?? '').trim() : '';
  return /^[\w.-]+$/.test(name) ? name : hostname();
}
