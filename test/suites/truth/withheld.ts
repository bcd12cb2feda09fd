/** What Haraka's user cannot read, and root can: what the command says of a message then is what becomes of it. */
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { callIn } from '../../cli/lab_call';
import { ours, unfetchable, type Install } from './install';

export interface Withheld {
  readonly name: string;
  readonly make: (install: Install) => void;
  readonly undo: (install: Install) => void;
  readonly recipient: string;
  /** What delivery says of it. */
  readonly reason: string;
}

const rules = `config/tls-peers/${ours}.ini`;

export const withheld: readonly Withheld[] = [
  {
    name: 'the rules of a managed domain',
    make: ({ at }) => chmodSync(at(rules), 0o600),
    undo: ({ at }) => chmodSync(at(rules), 0o644),
    recipient: 'anybody@must.example',
    reason: 'config-invalid',
  },
  {
    name: 'the directory of policies, below one that it may not enter',
    make: ({ at, read, write }) => {
      mkdirSync(at('locked'), { mode: 0o700 });
      write(
        'config/tls-peers.ini',
        `${read('config/tls-peers.ini')}\n[mta_sts]\ndirectory = locked/mta-sts\n`,
      );
    },
    undo: ({ at, read, write }) => {
      write(
        'config/tls-peers.ini',
        read('config/tls-peers.ini').replace(/\n\[mta_sts\]\ndirectory = .*\n/, ''),
      );
      rmSync(at('locked'), { recursive: true, force: true });
    },
    recipient: `anybody@${unfetchable}`,
    reason: 'sts-policy-fetch-error',
  },
  {
    name: 'the directory of policies, which is another user’s',
    make: ({ at }) => {
      mkdirSync(at('mta-sts'), { recursive: true });
      chownSync(at('mta-sts'), 12_345, 12_345);
    },
    undo: ({ at }) => rmSync(at('mta-sts'), { recursive: true, force: true }),
    recipient: `anybody@${unfetchable}`,
    reason: 'sts-policy-fetch-error',
  },
];

export interface Fate {
  readonly test: string;
  readonly explain: string;
  readonly delivery: string;
}

const goes = 'goes';
const waits = 'waits';

/** Before a start, and then what a Haraka that starts so does. */
export async function fateOf(install: Install, { recipient, reason }: Withheld): Promise<Fate> {
  const { lab } = install;
  const sender = `me@${ours}`;
  const domain = recipient.slice(recipient.indexOf('@') + 1);
  const tested = await callIn(lab, ['test', '--json', '--from', sender, domain]);
  const explained = await callIn(lab, ['explain', '--json', sender, recipient]);
  await lab.haraka.restart();
  const { status, error } = await lab.deliver({ from: sender, to: recipient });
  const said = (out: string, code: number) =>
    code === 0 ? goes : out.includes(`"${reason}"`) ? waits : `waits for something else: ${out}`;
  return {
    test: said(tested.out, tested.code),
    explain: said(explained.out, explained.code),
    delivery:
      status === 'delivered'
        ? goes
        : error.includes(reason)
          ? waits
          : `${status} for something else: ${error}`,
  };
}
