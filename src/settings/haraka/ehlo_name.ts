/** The name with which Haraka introduces itself to others in EHLO. */
import { hostname } from 'node:os';
import type { ConfigFiles } from './config_files';

/** What `config/me` says, or else this host's name, as Haraka does. */
export function ehloName(files: ConfigFiles): string {
  const me = files.read('me');
  const name = me.kind === 'file' ? (me.text.split('\n')[0] ?? '').trim() : '';
  return /^[\w.-]+$/.test(name) ? name : hostname();
}
