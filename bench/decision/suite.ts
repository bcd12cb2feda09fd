/** This suite's decision, put together as the plugin does it: settings from files, one engine, a guard per message. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeliveryGuard } from '../../src/delivery/guard';
import type { GuardEnvironment } from '../../src/delivery/guard';
import type { HarakaMx, HMailItem } from '../../src/delivery/haraka';
import { Engine } from '../../src/engine';
import { silent } from '../../src/log';
import { outboundRule } from '../../src/peers/rules';
import { securityLevels } from '../../src/peers/rule';
import type { SecurityLevel } from '../../src/peers/rule';
import { directorySource } from '../../src/settings/source';

export interface Suite {
  /** One message: a guard, the rule, the facts, the requirements. @returns the hosts that Haraka may try */
  decide(level: SecurityLevel, peer: string): Promise<readonly HarakaMx[]>;
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
    decide: (level, peer) => new DeliveryGuard(message(ownDomain(level), peer), environment).offer(),
    ready: () => engine.resolver().probe(),
    close: () => {
      engine.close();
      rmSync(directory, { recursive: true, maxRetries: 5 });
    },
  };
}

/** The managed domain whose default for unspecified peers is this level. */
export function ownDomain(level: SecurityLevel): string {
  return `${level.replaceAll('_', '-')}.ours.example`;
}

export function domainFile(level: SecurityLevel): string {
  const others = Array.from(
    { length: peersOfEach },
    (_, i) => `[outbound peer${i}.partner.example]\nsecurity_level = mandatory\n`,
  );
  return `[outbound]\nsecurity_level = ${level}\n${others.join('')}`;
}

function environmentOf(engine: Engine): GuardEnvironment {
  return {
    outboundTls: {
      check_tls_nogo: (_host, free) => free(),
      mark_tls_nogo: (_host, callback) => callback(),
    },
    tlsSocket: {},
    isExemptFromTls: () => false,
    options: () => {
      const settings = engine.settings();
      const { timeouts } = settings.global;
      const now = () => new Date();
      return {
        findRule: (sender, recipient) =>
          outboundRule(settings, sender, recipient, now().toISOString().slice(0, 10)),
        sources: engine.sources(),
        limits: {
          decisionMs: timeouts.decision * 1000,
          handshakeMs: timeouts.tlsHandshake * 1000,
          dialogueMs: 300_000,
        },
        rememberBrokenTls: false,
        now,
      };
    },
  };
}

/** As much of a message on its way out as a decision looks at. */
function message(from: string, domain: string): HMailItem {
  const nothing = (): void => undefined;
  return {
    todo: { domain, mail_from: { host: from }, rcpt_to: [] },
    filename: '',
    notes: {},
    num_failures: 0,
    cfg: { temp_fail_intervals: [] },
    mxlist: [],
    force_tls: false,
    get_mx_respond: nothing,
    get_force_tls: () => false,
    try_deliver: nothing,
    try_deliver_host_on_socket: nothing,
    temp_fail: nothing,
    bounce: nothing,
    extend_rcpt_with_dsn: nothing,
    loginfo: nothing,
    lognotice: nothing,
    logerror: nothing,
  };
}
