/**
 * What a Haraka that starts as root reads before it becomes its user: its own files, and the keys of its listeners. It has them from
 * its cache afterwards, whoever may read them by then. The files of this suite it reads as that user.
 */
import { iniValues, type ConfigFiles, type FileReading } from './config_files';

const names: readonly string[] = [
  'smtp.ini',
  'plugins',
  'me',
  'tls.ini',
  'outbound.ini',
  'delay_deny.ini',
  'smtp_forward.ini',
  'smtp_proxy.ini',
  'qmail-queue.ini',
  'redis.ini',
  'tls-peers.timeout',
  'plugin_timeout',
];

/** What of `files` is Haraka's own, as it reads now; by name. */
export function readAhead(files: ConfigFiles): ReadonlyMap<string, FileReading> {
  const all = [...names, ...listenerFiles(files)];
  return new Map(all.map((name) => [name, files.read(name)]));
}

/** The files of `key` and `cert` in the main section of tls.ini, or those that Haraka looks for where it has none. */
export function listenerFiles(files: ConfigFiles): string[] {
  const main = iniValues(files, 'tls.ini')['main'];
  const named = (key: string, otherwise: string) =>
    [main?.[key] ?? otherwise].flat().filter((name) => typeof name === 'string' && name !== '');
  return [...named('key', 'tls_key.pem'), ...named('cert', 'tls_cert.pem')].map(String);
}

/** `files`, with what was read ahead in place of what they read as now. */
export function afterReadingAhead<F extends ConfigFiles>(
  files: F,
  ahead: ReadonlyMap<string, FileReading>,
): F {
  return { ...files, read: (name) => ahead.get(name) ?? files.read(name) };
}
