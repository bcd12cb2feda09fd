/** This suite's decision, put together as the plugin does it: settings from files, one engine, a guard per message. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { DeliveryEnvironment, DeliveryOptions } from '../../src/delivery/delivery';
import { DeliveryGuard } from '../../src/delivery/guard';
import { limitsOf } from '../../src/delivery/limits';
import { within } from '../../src/deadline';
import { discover, type Sources } from '../../src/discovery/discover';
import { decide } from '../../src/policy/decide';
import type { Decision } from '../../src/policy/requirement';
import type { HarakaMx, HMailItem } from '../../src/delivery/haraka';
import { Engine } from '../../src/engine';
import { silent } from '../../src/log';
import { utcDay } from '../../src/peers/day';
import { outboundRule } from '../../src/peers/rules';
import { securityLevels, type SecurityLevel } from '../../src/peers/rule';
import { Connections } from '../../src/session/connections';
import { directorySource } from '../../src/settings/load/source';

export interface Suite {
  /** The rule, the facts within their deadline, and the requirement of each host. */
  decide(level: SecurityLevel, peer: string): Promise<Decision>;
  /** The same with another resolver and other policies. */
  decideFrom(sources: Sources, level: SecurityLevel, peer: string): Promise<Decision>;
  /** The same for one message of Haraka's: with a guard on it, and a list of hosts that Haraka may try. */
  offer(level: SecurityLevel, peer: string): Promise<readonly HarakaMx[]>;
  close(): void;
}

/** Managed domains have some peers of their own, as they would. */
const peersOfEach = 100;

/** @param dns the resolver, as tls-peers.ini names it */
export function openSuite(dns: string): Suite & { ready(): Promise<unknown> } {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-bench-'));
  const config = path.join(directory, 'config');
  mkdirSync(path.join(config, 'tls-peers'), { recursive: true });
  writeFileSync(path.join(config, 'tls-peers.ini'), `[resolver]\nservers = ${dns}\n`);
  for (const level of securityLevels) {
    writeFileSync(path.join(config, 'tls-peers', `${ownDomain(level)}.ini`), domainFile(level));
  }
  const engine = new Engine(directorySource(config), directory, silent);
  const environment = environmentOf(engine);
  return {
    decide: (level, peer) => decideWith(environment.options(), ownDomain(level), peer),
    decideFrom: (sources, level, peer) =>
      decideWith({ ...environment.options(), sources }, ownDomain(level), peer),
    offer: (level, peer) =>
      new DeliveryGuard(new Message(ownDomain(level), peer), environment, () => undefined).offer(),
    ready: () => engine.resolver().probe(),
    close: () => {
      engine.close();
      rmSync(directory, { recursive: true, maxRetries: 5 });
    },
  };
}

async function decideWith(options: DeliveryOptions, sender: string, peer: string): Promise<Decision> {
  const found = options.findRule(sender, peer);
  if (found.kind === 'invalid') throw new Error(found.failure.text);
  const { rule } = found;
  const facts = await within(options.limits.decision, 'the decision', (limit) =>
    discover(options.sources, rule, peer, limit),
  );
  return decide(rule, facts);
}

/** The managed domain whose default for unspecified peers is this level. */
export function ownDomain(level: SecurityLevel): string {
  return ownDomains[level];
}

const ownDomains = Object.fromEntries(
  securityLevels.map((level) => [level, `${level.replaceAll('_', '-')}.ours.example`]),
) as Readonly<Record<SecurityLevel, string>>;

export function domainFile(level: SecurityLevel): string {
  const others = Array.from(
    { length: peersOfEach },
    (_, i) => `[outbound peer${i}.partner.example]\nsecurity_level = mandatory\n`,
  );
  return `[outbound]\nsecurity_level = ${level}\n${others.join('')}`;
}

function environmentOf(engine: Engine): DeliveryEnvironment {
  const limits = () => limitsOf(engine.settings().global, 10_000);
  return {
    connections: new Connections(
      () => limits().connections,
      () => performance.now(),
    ),
    outboundConfig: { cfg: { temp_fail_intervals: [] } },
    outboundTls: {
      check_tls_nogo: (_host, free) => free(),
      mark_tls_nogo: (_host, callback) => callback(),
    },
    tlsSocket: {},
    isExemptFromTls: () => false,
    logsProtocol: () => false,
    sessions: () => 'uncounted',
    keepsEvidence: () => false,
    options: () => {
      const settings = engine.settings();
      const now = () => new Date();
      return {
        findRule: (sender, recipient) => outboundRule(settings, sender, recipient, utcDay(now())),
        sources: engine.sources(),
        routes: [],
        limits: limits(),
        rememberBrokenTls: false,
        now,
      };
    },
  };
}

/** As much of a message on its way out as a decision looks at: methods on the class, as Haraka has them. */
class Message implements HMailItem {
  readonly todo: HMailItem['todo'];
  readonly filename = '';
  readonly notes = {};
  readonly num_failures = 0;
  refcount = 1;
  mxlist: HarakaMx[] = [];

  constructor(from: string, domain: string) {
    this.todo = { domain, mail_from: { host: from, format: () => `<me@${from}>` }, rcpt_to: [] };
  }

  get_mx_respond(): void {}
  found_mx(): void {}
  get_force_tls(): boolean {
    return false;
  }
  try_deliver(): void {}
  try_deliver_host_on_socket(): void {}
  temp_fail(): void {}
  bounce(): void {}
  extend_rcpt_with_dsn(): void {}
  split_to_new_recipients(): void {}
  data_stream(): Readable {
    return Readable.from([]);
  }
  delivered(): void {}
  discard(): void {}
  send_email_respond(): void {}
  get_mx(): void {}
  logdebug(): void {}
  logprotocol(): void {}
  logdata(): void {}
  logwarn(): void {}
  loginfo(): void {}
  lognotice(): void {}
  logerror(): void {}
}
