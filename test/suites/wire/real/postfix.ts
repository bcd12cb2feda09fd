/** Debian's Postfix with a configuration and a queue of its own, and a port for each set of extensions. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Peer } from '../peer';
import { answering, end, filesBelow, freePort, start } from '../../../../haraka-test-harness/program';
import { Maildirs } from './maildirs';

/** smtpd's own options, by the name of the set. */
const sets = {
  'with everything': {},
  'without PIPELINING': { smtpd_discard_ehlo_keywords: 'pipelining' },
  'without CHUNKING': { smtpd_discard_ehlo_keywords: 'chunking' },
  'without SMTPUTF8': { smtpd_discard_ehlo_keywords: 'smtputf8' },
  'without 8BITMIME and SIZE': { smtpd_discard_ehlo_keywords: '8bitmime,size' },
  'without any extension but STARTTLS': {
    smtpd_discard_ehlo_keywords:
      'pipelining,chunking,smtputf8,8bitmime,size,dsn,enhancedstatuscodes,etrn,vrfy',
  },
  'without STARTTLS': { smtpd_tls_security_level: 'none' },
  'with TLS demanded': { smtpd_tls_security_level: 'encrypt' },
  'with a small SIZE': { message_size_limit: '2000' },
  'with AUTH': {
    smtpd_sasl_auth_enable: 'yes',
    smtpd_recipient_restrictions: 'permit_sasl_authenticated,reject',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;
export type PostfixSet = keyof typeof sets;
export const postfixSets = Object.keys(sets) as PostfixSet[];

export interface Postfix {
  port(set: PostfixSet): number;
  peerOf(domain: string): Peer;
  stop(): Promise<void>;
}

const master = '/usr/lib/postfix/sbin/master';
/** nobody, as Debian has it. */
const owner = 65_534;

function deliveredTo(_file: string, text: string): string {
  return /^Delivered-To: (.*)\r$/m.exec(text)?.[1] ?? '';
}

/** What is missing to run it; empty where nothing is. */
export function postfixMissing(): string {
  if (!existsSync(master)) return 'Postfix is not installed';
  return process.getuid?.() === 0 ? '' : 'Postfix has to be started by root';
}

export async function startPostfix(
  directory: string,
  certificate: { readonly chainPem: string; readonly keyPem: string },
  authSocket: string,
): Promise<Postfix> {
  const at = (name: string): string => path.join(directory, name);
  const maildirs = at('mail');
  await chmod(directory, 0o755);
  await Promise.all(['etc', 'queue', 'data', 'mail'].map((name) => mkdir(at(name))));
  await chown(maildirs, owner, owner);
  execFileSync('chown', ['postfix', at('data')]);
  await writeFile(at('chain.pem'), `${certificate.keyPem}\n${certificate.chainPem}`, { mode: 0o600 });
  const ports = new Map<PostfixSet, number>();
  for (const set of postfixSets) ports.set(set, await freePort());

  const main = {
    compatibility_level: '3.6',
    queue_directory: at('queue'),
    data_directory: at('data'),
    maillog_file: at('log'),
    maillog_file_prefixes: path.dirname(directory),
    myhostname: 'postfix.wire.example',
    inet_interfaces: 'loopback-only',
    inet_protocols: 'ipv4',
    mydestination: '',
    mynetworks: '',
    virtual_mailbox_domains: 'static:all',
    virtual_mailbox_base: maildirs,
    virtual_mailbox_maps: 'static:box/',
    virtual_uid_maps: `static:${owner}`,
    virtual_gid_maps: `static:${owner}`,
    virtual_minimum_uid: '100',
    smtpd_tls_security_level: 'may',
    smtpd_tls_chain_files: at('chain.pem'),
    smtpd_tls_received_header: 'yes',
    smtpd_sasl_type: 'dovecot',
    smtpd_sasl_path: authSocket,
    smtpd_sasl_security_options: 'noanonymous',
    smtpd_recipient_limit: '1000',
    smtpd_error_sleep_time: '0',
    smtpd_delay_reject: 'no',
    smtpd_recipient_restrictions: `check_recipient_access regexp:${at('etc/recipients')}`,
    smtpd_relay_restrictions: 'reject_unauth_destination',
  };
  await writeFile(
    at('etc/main.cf'),
    Object.entries(main)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(''),
  );
  await writeFile(
    at('etc/recipients'),
    '/^refused@/ 550 5.1.1 nobody here\n/^later@/ 450 4.2.1 later\n/^goodbye@/ 421 4.3.2 closing\n',
  );
  const service = (
    name: string,
    type: string,
    command: string,
    isPrivate = '-',
    wakeup = '-',
    limit = '-',
  ): string => `${name} ${type} ${isPrivate} - n ${wakeup} ${limit} ${command}\n`;
  await writeFile(
    at('etc/master.cf'),
    [
      ...[...ports].map(([set, port]) =>
        service(
          `127.0.0.1:${port}`,
          'inet',
          ['smtpd', ...Object.entries(sets[set]).map(([key, value]) => `-o ${key}=${value}`)].join(' '),
          'n',
        ),
      ),
      service('cleanup', 'unix', 'cleanup', 'n', '-', '0'),
      service('qmgr', 'unix', 'qmgr', 'n', '300', '1'),
      service('rewrite', 'unix', 'trivial-rewrite'),
      ...['bounce', 'defer', 'trace'].map((name) => service(name, 'unix', 'bounce', '-', '-', '0')),
      service('tlsmgr', 'unix', 'tlsmgr', '-', '1000?', '1'),
      // As root: it becomes the owner of the mailbox.
      'virtual unix - n n - - virtual\n',
      service('error', 'unix', 'error'),
      service('retry', 'unix', 'error'),
      service('anvil', 'unix', 'anvil', '-', '-', '1'),
      service('postlog', 'unix-dgram', 'postlogd', 'n', '-', '1'),
      service('proxymap', 'unix', 'proxymap'),
    ].join(''),
  );
  execFileSync('postfix', ['-c', at('etc'), 'check'], { stdio: 'ignore' });
  const child = start(master, ['-c', at('etc'), '-d']);
  try {
    for (const port of ports.values()) await answering(port, at('log'));
  } catch (error) {
    await end(child);
    throw error;
  }
  const isIdle = (): boolean =>
    ['maildrop', 'incoming', 'active'].every((name) => filesBelow(at(`queue/${name}`)).length === 0);
  const delivered = new Maildirs(maildirs, isIdle, deliveredTo);
  return {
    port: (set) => ports.get(set) ?? 0,
    peerOf: (domain) => delivered.peerOf(domain),
    stop: async () => end(child),
  };
}
