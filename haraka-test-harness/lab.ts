/**
 * The lab: a world of DNS, MX hosts and policy hosts on loopback, and a real Haraka in a child process that delivers
 * into it. Messages go in over SMTP; what became of them is read at Haraka and at the peers.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { buildWorld, type Routes } from './build_world';
import type { CertificateOffice } from './certificates';
import type { DnsServer } from './dns_server';
import { startHaraka, type HarakaOptions, type HarakaProcess } from './haraka';
import type { Middlebox } from './middlebox';
import type { PolicyHost } from './policy_host';
import { startReports, type Outcome, type OutcomeWish } from './reports';
import { submit } from './smtp_client';
import type { SmtpPeer } from './smtp_peer';
import type { Route, World } from './world';

export interface Message {
  /** The envelope sender; empty for the null sender. */
  readonly from: string;
  readonly to: string | readonly string[];
  /** Headers and body; a short message where absent. */
  readonly data?: string;
}

export interface Lab {
  readonly dns: DnsServer;
  readonly haraka: HarakaProcess;
  readonly office: CertificateOffice;
  /** PEM file of the CA that the lab's Haraka trusts. */
  readonly caFile: string;
  /** Hands a message to Haraka; resolves once Haraka has taken it. */
  send(message: Message): Promise<{ readonly id: string }>;
  /** What became of a message, as soon as it is known. Rejects when time is up (20 s unless told). */
  readonly outcome: (id: string, wish?: OutcomeWish) => Promise<Outcome>;
  /** What is known so far; of all messages where no id is given. */
  readonly outcomes: (id?: string) => readonly Outcome[];
  /** `send`, then `outcome`. */
  deliver(message: Message, wish?: OutcomeWish): Promise<Outcome>;
  /** The MX host of that name. */
  peer(host: string): SmtpPeer;
  readonly peers: readonly SmtpPeer[];
  /** What stands before the MX host of that name. */
  middlebox(host: string): Middlebox;
  /** The policy host of that domain, which the world gave an `sts`. */
  policyHost(domain: string): PolicyHost;
  /** Changes what happens on the way to a host: `25` leads to the MX host, `443` to the policy host. */
  setRoute(name: string, port: 25 | 443, route: Route): Promise<void>;
  /** Ends everything, and removes the install directory. */
  stop(): Promise<void>;
}

export interface LabOptions extends HarakaOptions {
  /** Keeps the install directory (with log and queue) after `stop`. */
  readonly directory?: 'remove' | 'keep';
}

const removal = { recursive: true, force: true, maxRetries: 5 } as const;

/** Starts a lab. @throws Error with Haraka's last log lines where it does not start. */
export async function startLab(world: World, options: LabOptions = {}): Promise<Lab> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-lab-'));
  const cleanUp: (() => Promise<void>)[] = [];
  if (options.directory !== 'keep') {
    // Also where the process ends in a hurry.
    const removeNow = (): void => rmSync(directory, removal);
    process.once('exit', removeNow);
    cleanUp.push(async () => {
      process.removeListener('exit', removeNow);
      await rm(directory, removal);
    });
  }
  const cleanedUp = async (): Promise<void> => {
    for (const step of cleanUp.reverse()) await step();
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= cleanedUp());

  try {
    const reports = await startReports();
    cleanUp.push(reports.stop);
    const built = await buildWorld(world);
    cleanUp.push(built.stop);
    const caFile = path.join(directory, 'lab-ca.pem');
    const routesFile = path.join(directory, 'routes.json');
    const install = path.join(directory, 'haraka');
    const routes = new Map(built.routes);
    await Promise.all([
      writeFile(caFile, built.office.caPem),
      writeRoutes(routesFile, routes),
      mkdir(install),
    ]);
    const haraka = await startHaraka(options, {
      directory: install,
      routesFile,
      caFile,
      dnsAddress: built.dns.address,
      reports,
    });
    cleanUp.push(() => haraka.stop());

    const send: Lab['send'] = async ({ from, to, data }) => {
      const id = randomUUID();
      await submit({
        port: haraka.port,
        from,
        to: typeof to === 'string' ? [to] : to,
        data: `Lab-Message-Id: ${id}\r\n${data ?? plainMessage(from, to)}`,
        timeoutMs: 15_000,
      });
      return { id };
    };

    return {
      dns: built.dns,
      haraka,
      office: built.office,
      caFile,
      send,
      outcome: reports.outcome,
      outcomes: reports.outcomes,
      deliver: async (message, wish) => reports.outcome((await send(message)).id, wish),
      peer: (host) => known(built.peers, host, 'MX host'),
      peers: [...built.peers.values()],
      middlebox: (host) => known(built.middleboxes, host, 'middlebox before'),
      policyHost: (domain) => known(built.policyHosts, domain, 'policy host of'),
      setRoute: async (name, port, route) => {
        const host =
          port === 25
            ? known(built.peers, name, 'MX host')
            : known(built.policyHosts, name, 'policy host of');
        for (const [key, target] of routes) {
          // Each host has an address of its own; the port may be that of a middlebox.
          if (target.host === host.address) routes.set(key, { ...target, route });
        }
        await writeRoutes(routesFile, routes);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** In one step: Haraka reads the file whenever it connects. */
async function writeRoutes(file: string, routes: Routes): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(routes)));
  await rename(`${file}.new`, file);
}

function known<T>(things: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = things.get(name);
  if (found === undefined) throw new Error(`this world has no ${what} ${name}`);
  return found;
}

function plainMessage(from: string, to: Message['to']): string {
  const recipients = typeof to === 'string' ? to : to.join(', ');
  return [`From: <${from}>`, `To: ${recipients}`, 'Subject: a message of the lab', '', 'Hello.'].join('\r\n');
}
