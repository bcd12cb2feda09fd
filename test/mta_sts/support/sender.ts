/** A sender's policies over scripted DNS and policy hosts on loopback, with a clock that moves when it is told to. */
import { createMemoryStore, type PolicyStore } from '../../../src/mta_sts/store';
import { StsPolicies } from '../../../src/mta_sts/policies';
import type { SharedPolicies } from '../../../src/mta_sts/shared_policies';
import type { StsLimits } from '../../../src/mta_sts/policy_cache';
import type { FetchOptions } from '../../../src/mta_sts/fetch';
import { Hosts, policyText, response, type Answerer, type PolicyHost } from './hosts';

export class ManualClock {
  #now = 1_800_000_000_000;
  #jumped = 0;
  readonly wall = () => this.#now + this.#jumped;
  readonly steady = () => this.#now;
  /** Time passes. */
  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }
  /** Somebody sets the wall clock. */
  jump(seconds: number): void {
    this.#jumped += seconds * 1000;
  }
}

/** A domain whose policy host and TXT record can be changed at will. */
export interface Domain {
  readonly name: string;
  readonly host: PolicyHost;
  answer: Answerer;
  /** An id, or `nothing`, `silent`, `servfail` for a record that is not there. */
  publish(id: string): void;
  serve(policy: Parameters<typeof policyText>[0]): void;
  /** Answers with a status that carries no policy. */
  fail(): void;
}

export interface SenderOptions {
  readonly store?: PolicyStore;
  readonly clock?: ManualClock;
  readonly fetchOptions?: Partial<FetchOptions>;
  readonly limits?: StsLimits;
  readonly random?: () => number;
  readonly shared?: SharedPolicies;
}

export class World {
  readonly log: string[] = [];
  readonly #senders: StsPolicies[] = [];
  #addresses = 0;

  private constructor(readonly hosts: Hosts) {}

  static async create(): Promise<World> {
    return new World(await Hosts.create());
  }

  get roots(): { extraRoots: string } {
    return { extraRoots: this.hosts.ca.certPem };
  }

  async domain(name: string, policy: Parameters<typeof policyText>[0] = {}): Promise<Domain> {
    const { hosts } = this;
    const address = `127.30.0.${++this.#addresses}`;
    const certificate = await hosts.issue({ dnsNames: [`mta-sts.${name}`] });
    const host = await hosts.addTls({ address, certificate, answer: (...all) => domain.answer(...all) });
    hosts.dns.zones.a.set(`mta-sts.${name}`, [address]);
    const domain: Domain = {
      name,
      host,
      answer: () => undefined,
      publish: (id) => {
        const { txt } = hosts.dns.zones;
        if (id === 'nothing') txt.delete(`_mta-sts.${name}`);
        else if (id === 'silent' || id === 'servfail') txt.set(`_mta-sts.${name}`, id);
        else txt.set(`_mta-sts.${name}`, [`v=STSv1; id=${id}`]);
      },
      serve: (next) => {
        domain.answer = (socket) => socket.end(response(policyText(next)));
      },
      fail: () => {
        domain.answer = (socket) => socket.end(response('', { status: '503 Busy' }));
      },
    };
    domain.serve(policy);
    domain.publish('id1');
    return domain;
  }

  sender(options: SenderOptions = {}): StsPolicies {
    const line = (text: string) => void this.log.push(text);
    const { store = createMemoryStore(), clock = new ManualClock(), limits, random, shared } = options;
    const sender = new StsPolicies({
      resolver: this.hosts.dns,
      store,
      clock,
      fetchOptions: {
        allowPrivate: true,
        timeoutMs: 15_000,
        connectTimeoutMs: 10_000,
        ...options.fetchOptions,
      },
      log: { debug: line, info: line, notice: line, warn: line, error: line },
      open: this.hosts.open,
      ...(limits === undefined ? {} : { limits }),
      ...(random === undefined ? {} : { random }),
      shared,
    });
    this.#senders.push(sender);
    return sender;
  }

  questions(name: string): number {
    return this.hosts.dns.questions.filter((question) => question.endsWith(` ${name}`)).length;
  }

  async close(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.close()));
    await this.hosts.close();
  }
}
