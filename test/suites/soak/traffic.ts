/** Mixed traffic to a world of which 30 % misbehaves, and the ledger of what became of each message. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { iniText } from '../../../haraka-test-harness/ini';
import type { Lab } from '../../../haraka-test-harness/lab';
import type { Behaviour, BehaviourName } from '../../../haraka-test-harness/behaviours';
import type { DomainSpec, World } from '../../../haraka-test-harness/world';

interface Peer {
  readonly domain: string;
  readonly level: string;
  readonly cleartext: 'allowed' | 'forbidden';
  readonly spec: DomainSpec;
}

const lostMidway: Behaviour = { secured: { message: { do: 'reset' } } };
const flaky = ['handshake-close', 'normal', 'starttls-454', 'normal', 'normal', 'mail-451'] as const;

/** Every connection its own behaviour, over and over, as far as a soak goes. */
const forever = (behaviours: readonly (BehaviourName | Behaviour)[]): (BehaviourName | Behaviour)[] =>
  Array.from({ length: 20_000 }, (_, index) => behaviours[index % behaviours.length] ?? 'normal');

function peer(name: string, level: string, spec: DomainSpec): Peer {
  const cleartext = level === 'opportunistic' || level === 'none' ? 'allowed' : 'forbidden';
  return { domain: `${name}.example`, level, cleartext, spec };
}

const dane: DomainSpec = { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] };
const twoHosts = (name: string): DomainSpec => ({
  mx: [
    { host: `mx1.${name}.example`, preference: 1, behaviour: 'no-starttls' },
    { host: `mx2.${name}.example`, preference: 2 },
  ],
});

const sound: readonly Peer[] = [
  peer('must1', 'mandatory', {}),
  peer('must2', 'mandatory', {}),
  peer('verify1', 'verify', {}),
  peer('verify2', 'verify', {}),
  peer('dane1', 'opportunistic_dane', dane),
  peer('dane2', 'mandatory_dane', dane),
  peer('sts1', 'mta_sts', { sts: {} }),
  peer('auto1', 'auto', dane),
  peer('auto2', 'auto', { sts: {} }),
  peer('may1', 'opportunistic', {}),
  peer('may2', 'opportunistic', { mx: [{ behaviour: 'no-starttls' }] }),
  peer('none1', 'none', {}),
  peer('must3', 'mandatory', twoHosts('must3')),
  peer('verify3', 'verify', {}),
];

const faulty: readonly Peer[] = [
  peer('bare', 'mandatory', { mx: [{ behaviour: 'no-starttls' }] }),
  peer('broken', 'verify', { mx: [{ behaviour: 'handshake-close' }] }),
  peer('mismatch', 'opportunistic_dane', { ...dane, mx: [{ tlsa: ['mismatch'] }] }),
  peer('flaky', 'mandatory', { mx: [{ behaviour: forever(flaky) }] }),
  peer('injecting', 'mandatory', { mx: [{ behaviour: 'starttls-injected' }] }),
  peer('lossy', 'mandatory', { mx: [{ behaviour: forever([lostMidway, 'normal']) }] }),
];

export const peers: readonly Peer[] = [...sound, ...faulty];

export const world: World = {
  domains: Object.fromEntries(peers.map(({ domain, spec }) => [domain, spec])),
};

export const rules = iniText(
  Object.fromEntries(peers.map(({ domain, level }) => [`outbound ${domain}`, { security_level: level }])),
);

/** Sends `perSecond` messages in turn to all peers, until told to stop. */
export class Traffic {
  /** Messages that Haraka took, by id. */
  readonly accepted = new Map<string, string>();
  refused = 0;
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #open = new Set<Promise<void>>();

  readonly #lab: Lab;
  readonly #perSecond: number;

  constructor(lab: Lab, perSecond: number) {
    this.#lab = lab;
    this.#perSecond = perSecond;
  }

  start(): void {
    this.#timer = setInterval(() => {
      const sending = this.#sendOne();
      this.#open.add(sending);
      void sending.finally(() => this.#open.delete(sending));
    }, 1000 / this.#perSecond);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }

  async #sendOne(): Promise<void> {
    const { domain } = peers[this.#next++ % peers.length]!;
    try {
      const { id } = await this.#lab.send({ from: 'a@ours.example', to: `b@${domain}` });
      this.accepted.set(id, domain);
    } catch {
      // Haraka was not there, or died before it answered: it has promised nothing.
      this.refused++;
    }
  }
}

export interface Ledger {
  readonly accepted: number;
  readonly delivered: number;
  readonly bounced: number;
  readonly queued: number;
  readonly missing: readonly string[];
  /** Copies beyond the first that peers took. */
  readonly duplicates: number;
}

/** Where every accepted message is now. */
export async function ledgerOf(lab: Lab, { accepted }: Traffic): Promise<Ledger> {
  const taken = new Map<string, number>();
  for (const { id } of lab.peers.flatMap(({ messages }) => messages)) taken.set(id, (taken.get(id) ?? 0) + 1);
  const bounced = new Set(lab.outcomes().flatMap(({ id, status }) => (status === 'bounced' ? [id] : [])));
  const queued = await queuedIds(lab);
  const ids = [...accepted.keys()];
  return {
    accepted: ids.length,
    delivered: ids.filter((id) => taken.has(id)).length,
    bounced: ids.filter((id) => !taken.has(id) && bounced.has(id)).length,
    queued: ids.filter((id) => !taken.has(id) && !bounced.has(id) && queued.has(id)).length,
    missing: ids.filter((id) => !taken.has(id) && !bounced.has(id) && !queued.has(id)),
    duplicates: [...taken.values()].reduce((sum, copies) => sum + copies - 1, 0),
  };
}

async function queuedIds(lab: Lab): Promise<Set<string>> {
  const directory = path.join(lab.haraka.directory, 'queue');
  const ids = new Set<string>();
  for (const file of await readdir(directory)) {
    const text = await readFile(path.join(directory, file), 'latin1').catch(() => '');
    const id = /^Lab-Message-Id: (\S+)/m.exec(text)?.[1];
    if (id !== undefined) ids.add(id);
  }
  return ids;
}

/** Whether every accepted message was delivered or has bounced. */
export function isSettled(lab: Lab, { accepted }: Traffic): boolean {
  const settled = new Set(lab.outcomes().flatMap(({ id, status }) => (status === 'deferred' ? [] : [id])));
  return [...accepted.keys()].every((id) => settled.has(id));
}

/** What peers read in cleartext where that is forbidden, beyond what leads to TLS. */
export function leaks(lab: Lab): string[] {
  const beforeTls = /^(?:EHLO \S+|STARTTLS|QUIT|)$/;
  const hosts = new Map(lab.peers.map((host) => [host.name, host]));
  return peers
    .filter(({ cleartext }) => cleartext === 'forbidden')
    .flatMap(({ domain }) =>
      [...hosts].filter(([name]) => name.endsWith(`.${domain}`)).flatMap(([, host]) => host.connections),
    )
    .flatMap(({ cleartext }) => cleartext.split('\r\n'))
    .filter((line) => !beforeTls.test(line));
}
