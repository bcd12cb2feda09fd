/**
 * A check: something that is allowed in a configuration, or in Haraka's own, and is probably not meant, or stands against a
 * rule. Each is data and a pure function from what was seen to findings.
 */
import type { ProbeResult } from '../../dns/probe';
import type { Day } from '../../peers/day';
import type { ConfigFiles } from '../haraka/config_files';
import type { Followed, Found, Recollection } from '../load/remembered';
import type { SettingsSource } from '../load/source';
import type { Fault, Mend } from '../schema/fault';
import type { Settings } from '../schema/types';

export interface Finding {
  /** `fault`: what the configuration asks for cannot be had so. `warning`: it can, and is probably not meant. */
  readonly severity: 'fault' | 'warning';
  readonly fault: Fault;
}

/** The rules, the files that they came from, and Haraka's own beside them. */
export interface FilesView {
  readonly settings: Settings;
  readonly source: ConfigFiles & Pick<SettingsSource, 'domainFiles' | 'strayFiles'>;
  /** UTC, `YYYY-MM-DD`. */
  readonly today: Day;
}

/** What is kept of the files that there were. */
export interface MemoryView {
  readonly found: Found;
  /** What loading made of it. */
  readonly own: Followed['recollection'];
  /** What it says to a process that has to be able to read it. */
  readonly kept: Recollection;
  /** Domains that were managed, and are not any more. */
  readonly removed: readonly string[];
}

/** What serving the policies makes of the certificates that are there. */
export interface CertificatesView {
  /** Of the files that `certificate_file` and `key_file` name. */
  readonly named: readonly {
    readonly domain: string;
    readonly key: 'certificate_file' | 'key_file';
    /** The value of `key`. */
    readonly file: string;
    readonly severity: Finding['severity'];
    readonly problem: string;
    readonly mend?: Mend;
  }[];
  /** Of `certificate_directory`. */
  readonly directory: readonly string[];
}

/** What DNS, mail servers and policy hosts answered. */
export interface NetworkView {
  readonly resolvers: Pick<ProbeResult, 'findings' | 'question' | 'overTcp'>;
  readonly policies: readonly {
    readonly domain: string;
    readonly problem: string;
    /** An MX host that the policy does not name. */
    readonly uncovered?: string;
  }[];
  /** What senders with DANE would not take of the TLSA records of managed domains. */
  readonly tlsa: readonly { readonly domain: string; readonly problem: string }[];
}

/** What Haraka can do on this machine, tried as the user that it runs as. */
export interface AccessView {
  /** Whether there is such a user. */
  readonly user: readonly Finding[];
  readonly directories: readonly Finding[];
  readonly keys: readonly Finding[];
  readonly ports: readonly Finding[];
}

/** Of Haraka's own http. */
export interface HttpView {
  /** `unknown` where no Haraka was found from which to look. */
  readonly express: 'there' | 'absent' | 'unknown';
}

/** The Redis of the fleet. */
export interface FleetView {
  /** Why nothing is shared now; empty where it is, or is not meant to be. */
  readonly problem: string;
}

export interface Views {
  readonly access: AccessView;
  readonly files: FilesView;
  readonly memory: MemoryView;
  readonly certificates: CertificatesView;
  readonly network: NetworkView;
  readonly http: HttpView;
  readonly fleet: FleetView;
}

/** The files, and what else a caller can see. What is left out is not checked. */
export type Seen = Pick<Views, 'files'> & Partial<Views>;

interface CheckOf<V extends keyof Views> {
  /** What it finds, for people. */
  readonly name: string;
  readonly looksAt: V;
  readonly find: (view: Views[V], files: FilesView) => readonly Finding[];
}

export interface Check extends Omit<CheckOf<keyof Views>, 'find'> {
  /** Nothing where `looksAt` is not among what was seen. */
  readonly run: (seen: Seen) => readonly Finding[];
}

export function check<V extends keyof Views>({ find, ...data }: CheckOf<V>): Check {
  return {
    ...data,
    run: (seen) => {
      const all: Partial<Views> = seen;
      const view = all[data.looksAt];
      return view === undefined ? [] : find(view, seen.files);
    },
  };
}

/** All of them faults. */
export function faults(found: readonly Fault[]): Finding[] {
  return found.map((fault) => ({ severity: 'fault', fault }));
}

/** All of them warnings. */
export function warnings(found: readonly Fault[]): Finding[] {
  return found.map((fault) => ({ severity: 'warning', fault }));
}
