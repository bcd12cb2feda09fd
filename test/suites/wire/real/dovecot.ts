/** Debian's Dovecot: an LMTP server, and the one that knows passwords for Postfix. */
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Peer } from '../peer';
import { answering, end, freePort, start } from '../../../../haraka-test-harness/program';
import { Maildirs } from './maildirs';

export const account = { user: 'the-user', password: 'the-password' } as const;

export interface Dovecot {
  readonly port: number;
  /** LMTP on a UNIX socket. */
  readonly socket: string;
  /** Where Postfix asks for passwords. */
  readonly authSocket: string;
  peerOf(domain: string): Peer;
  stop(): Promise<void>;
}

const program = '/usr/sbin/dovecot';
const owner = 65_534;

/** What is missing to run it; empty where nothing is. */
export function dovecotMissing(): string {
  if (!existsSync(program) || !existsSync('/usr/lib/dovecot/lmtp'))
    return 'Dovecot with LMTP is not installed';
  return process.getuid?.() === 0 ? '' : 'Dovecot has to be started by root';
}

/** mail/<domain>/<local part>/Maildir/new/<file> */
function addressOfPath(file: string): string {
  const [domain, local] = file.split('/').slice(-5);
  return `${local ?? ''}@${domain ?? ''}`;
}

/** Local parts that have a mailbox; that of `full` cannot be written to. */
const users = ['a', 'b', 'c', 'full', account.user];

export async function startDovecot(
  directory: string,
  certificate: { readonly chainPem: string; readonly keyPem: string },
): Promise<Dovecot> {
  const at = (name: string): string => path.join(directory, name);
  await chmod(directory, 0o755);
  await Promise.all(['run', 'mail'].map((name) => mkdir(at(name))));
  await chown(at('mail'), owner, owner);
  await writeFile(at('chain.pem'), certificate.chainPem);
  await writeFile(at('key.pem'), certificate.keyPem, { mode: 0o600 });
  await writeFile(at('users'), users.map((user) => `${user}:{PLAIN}${account.password}::::::\n`).join(''), {
    mode: 0o644,
  });
  // What is no directory holds no Maildir.
  await writeFile(at('broken'), `full::${owner}:${owner}::/dev/null/full::\n`);
  const port = await freePort();
  await writeFile(
    at('dovecot.conf'),
    `
base_dir = ${at('run')}
log_path = ${at('log')}
protocols = lmtp
hostname = dovecot.wire.example
ssl = yes
ssl_cert = <${at('chain.pem')}
ssl_key = <${at('key.pem')}
ssl_min_protocol = TLSv1.2
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
disable_plaintext_auth = no
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
mail_location = maildir:~/Maildir
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = no
recipient_delimiter =
default_internal_user = dovecot
default_login_user = dovenull
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n ${at('users')}
}
userdb {
  driver = passwd-file
  args = username_format=%n ${at('broken')}
}
userdb {
  driver = static
  args = uid=${owner} gid=${owner} home=${at('mail')}/%d/%n
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
    ssl = no
  }
  unix_listener ${at('lmtp')} {
    mode = 0666
  }
}
service auth {
  unix_listener ${at('auth')} {
    mode = 0666
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`,
  );
  const child = start(program, ['-F', '-c', at('dovecot.conf')]);
  try {
    await answering(port, at('log'));
  } catch (error) {
    await end(child);
    throw error;
  }
  const delivered = new Maildirs(at('mail'), () => true, addressOfPath);
  return {
    port,
    socket: at('lmtp'),
    authSocket: at('auth'),
    peerOf: (domain) => delivered.peerOf(domain),
    stop: async () => end(child),
  };
}
