/** What operators do to an install, and what `lint` has to say of it. Each is undone by following the finding alone. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { forwardTcp, forwardUdp } from '../policy_map/forward';
import { hosts, ours, type Install } from './install';

export interface Misconfiguration {
  readonly name: string;
  /** @param atEnd takes what ends what was begun */
  readonly make: (install: Install, atEnd: (end: () => Promise<void>) => void) => Promise<void>;
  /** The finding: where, and what. */
  readonly found: RegExp;
  /** Whether others have to be asked. */
  readonly takes: 'files' | 'network';
}

const rules = `config/tls-peers/${ours}.ini`;
const stranger = 12_345;

export const misconfigurations: readonly Misconfiguration[] = [
  {
    name: 'owner: the directory of policies is another user’s',
    takes: 'files',
    make: now(({ at }) => {
      mkdirSync(at('mta-sts'), { recursive: true, mode: 0o700 });
      chownSync(at('mta-sts'), stranger, stranger);
    }),
    found: /^tls-peers\.ini: \[mta_sts\] directory: .*belongs to another user \(uid 12345\), not to nobody/,
  },
  {
    name: 'mode: the directory of rules is root’s alone',
    takes: 'files',
    make: now(({ at }) => chmodSync(at('config/tls-peers'), 0o700)),
    found: /^tls-peers\/: \[\] : cannot be read: EACCES/,
  },
  {
    name: 'umask: a rule file was written under umask 077',
    takes: 'files',
    make: now(({ at }) => {
      execFileSync('sh', ['-ec', 'umask 077; cp -- "$1" "$1.new"; mv -- "$1.new" "$1"', 'sh', at(rules)]);
    }),
    found: /^tls-peers\/ours\.example\.ini: \[\] : cannot be read: EACCES/,
  },
  {
    name: 'directory: the record is to be kept below a directory that Haraka may not enter',
    takes: 'files',
    make: now((install) => {
      mkdirSync(install.at('closed'), { mode: 0o700 });
      change(install, 'config/tls-peers.ini', (text) => `${text}\n[evidence]\ndirectory = closed/evidence\n`);
    }),
    found:
      /^tls-peers\.ini: \[evidence\] directory: .*nobody may not enter .*\/closed: what happens is not recorded/,
  },
  {
    name: 'resolver: the path to it is not protected, and DANE is off under auto',
    takes: 'network',
    make: resolverOutside,
    found:
      /^tls-peers\.ini: \[resolver\] : resolver .* the path to it is not protected.*DANE is off, also where rules say auto/,
  },
  {
    name: 'port: policies are to be served at an address of another machine',
    takes: 'network',
    make: now((install) =>
      change(install, 'config/tls-peers.ini', (text) =>
        text.replace('listen = 127.0.0.1', 'listen = 192.0.2.7'),
      ),
    ),
    found: /^tls-peers\.ini: \[hosting\] listen: no policies can be served there: .*EADDRNOTAVAIL/,
  },
  {
    name: 'key: root alone can read that of the policy host',
    takes: 'files',
    make: now(({ at }) => {
      chownSync(at('config/policy_host.key'), 0, 0);
      chmodSync(at('config/policy_host.key'), 0o600);
    }),
    found: /^tls-peers\/ours\.example\.ini: \[mta_sts\] key_file: cannot be read: EACCES/,
  },
  {
    name: 'key: everybody can read that of an MX host',
    takes: 'files',
    make: now(({ at }) => chmodSync(at(`config/tls/${hosts[0]}.pem`), 0o644)),
    found:
      /^tls-peers\.ini: \[hosting\] certificate_directory: .*holds a key that every user of this machine can read/,
  },
  {
    name: 'plugin order: another plugin stands above this one, and asks to be first',
    takes: 'files',
    make: now((install) => change(install, 'config/plugins', (text) => `early\n${text}`)),
    found:
      /^plugins: \[\] : early asks to be first at send_email \(priority -100\), where tls-peers has to be/,
  },
  {
    name: 'plugins: this one is not listed',
    takes: 'files',
    make: now((install) => change(install, 'config/plugins', (text) => text.replace('tls-peers\n', ''))),
    found: /^plugins: \[\] : neither tls-peers nor tls-peers\/outbound is listed/,
  },
  {
    name: 'TLSA: what is published is of a key that nothing shows',
    takes: 'network',
    make: now(({ lab }) => {
      const records = [
        { type: 'TLSA' as const, usage: 3, selector: 1, matchingType: 1, data: randomBytes(32) },
      ];
      lab.dns.set({ name: `_25._tcp.${hosts[0]}`, type: 'TLSA', records });
    }),
    found:
      /^tls-peers\/ours\.example\.ini: \[\] : mx1\.ours\.example\.: .*senders with DANE do not deliver there/,
  },
  {
    name: 'policy: it does not name one of the MX hosts',
    takes: 'network',
    make: now((install) => change(install, rules, (text) => text.replace(`mx[] = ${hosts[0]}\n`, ''))),
    found:
      /^tls-peers\/ours\.example\.ini: \[mta_sts\] : the MX host mx1\.ours\.example is not covered by any mx/,
  },
];

/** Nothing has to be awaited. */
function now(how: (install: Install) => void): Misconfiguration['make'] {
  return (install) => {
    how(install);
    return Promise.resolve();
  };
}

function change(install: Install, name: string, how: (text: string) => string): void {
  const before = install.read(name);
  const after = how(before);
  if (after === before) throw new Error(`${name} is as it was`);
  install.write(name, after);
}

/** The lab's resolver at an address of this machine that is not on loopback. */
async function resolverOutside(install: Install, atEnd: (end: () => Promise<void>) => void): Promise<void> {
  const [address] = Object.values(networkInterfaces())
    .flatMap((of) => of ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map((one) => one.address);
  if (address === undefined) throw new Error('this machine has no address but loopback');
  const [, port = ''] = install.lab.dns.address.split(':');
  const [at, to] = [
    { address, port: Number(port) },
    { address: '127.0.0.1', port: Number(port) },
  ];
  const ends = [await forwardUdp(at, to), await forwardTcp(at, to)];
  change(install, 'config/tls-peers.ini', (text) =>
    text.replace(/^servers = .*$/m, `servers = ${address}:${port}`),
  );
  atEnd(async () => {
    for (const end of ends) await end();
    change(install, 'config/tls-peers.ini', (text) =>
      text.replace(/^servers = .*$/m, `servers = ${install.lab.dns.address}`),
    );
  });
}
