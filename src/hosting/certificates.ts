/**
 * The certificates of the policy hosts, by name, as they are on disk now. What was good stays in use until something
 * good takes its place: a half-written or unreadable renewal does not end the service.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import path from 'node:path';
import type { Log } from '../log';
import { messageOf } from '../text';
import { dnsNames, nameFault } from '../x509/names';
import type { Catalogue, HostedFile } from './catalogue';
import { best, isValid, pairContents, readPem, type KeyPair } from './pem';
import { directoryReader, fileReader, type Seen } from './pem_files';
import { PemStore, type StoredFiles } from './pem_store';

interface InUse {
  readonly pair: KeyPair;
  readonly context: SecureContext;
}

/** Which of several certificates is valid changes with time alone. Milliseconds. */
const reconsiderMs = 3_600_000;

export class Certificates {
  #inUse = new Map<string, InUse>();
  #stamp: string | undefined;
  #readAt = 0;
  #said = new Set<string>();
  /** Hosts with problems of their own, the last time. */
  #troubled: ReadonlySet<string> = new Set();
  readonly #store: PemStore;
  readonly #base: string;
  readonly #log: Log;

  /** @param base Haraka's config directory. @param parse called once for each file, until it changes */
  constructor(base: string, log: Log, parse = readPem) {
    this.#base = base;
    this.#log = log;
    this.#store = new PemStore(parse);
  }

  /** `undefined` for a name that is not served, or has no certificate. */
  contextFor(host: string): SecureContext | undefined {
    return this.#inUse.get(host)?.context;
  }

  /** The pair in use, for checks. */
  pairFor(host: string): KeyPair | undefined {
    return this.#inUse.get(host)?.pair;
  }

  /** Takes in what changed on disk or in the catalogue. */
  async refresh(catalogue: Catalogue, directory: string, now: Date): Promise<void> {
    const [shared, named] = await Promise.all([
      directoryReader(path.resolve(this.#base, directory)).look(),
      this.#lookAtNamed(catalogue),
    ]);
    const parts = [...named].flatMap(([host, files]) => [host, ...files.map(stampOf)]);
    const stamp = [...shared.map(stampOf), ...catalogue.keys(), ...parts].join('\n');
    if (stamp === this.#stamp && now.getTime() - this.#readAt < reconsiderMs) return;
    this.#store.keep([...shared, ...[...named.values()].flat()]);
    const problems: string[] = [];
    const index = indexDirectory(await this.#store.read(shared), problems);
    const next = new Map<string, InUse>();
    const troubled = new Set<string>();
    for (const file of catalogue.values()) {
      const before = problems.length;
      const pair =
        file.certificate.kind === 'directory'
          ? best(index.pairs(file.host), now)
          : namedPair(file.certificate, await this.#store.read(named.get(file.host) ?? []), problems);
      if (file.certificate.kind === 'directory') {
        for (const name of index.keyless(file.host)) {
          problems.push(`${name}: the certificate for ${file.host} has no key below ${directory}`);
        }
      }
      const chosen = this.#choose(file, pair, now, problems);
      if (chosen !== undefined) next.set(file.host, chosen);
      if (problems.length > before) troubled.add(file.host);
      else if (chosen !== undefined) this.#sayMended(file.host, chosen);
    }
    this.#troubled = troubled;
    this.#inUse = next;
    this.#stamp = stamp;
    this.#readAt = now.getTime();
    this.#say(problems);
  }

  /** By policy host. */
  async #lookAtNamed(catalogue: Catalogue): Promise<Map<string, readonly Seen[]>> {
    const looks = [...catalogue.values()].map(async ({ host, certificate }) => {
      if (certificate.kind === 'directory') return [];
      const names = [...new Set([certificate.certificateFile, certificate.keyFile])];
      return [[host, await fileReader(this.#base, names).look()] as const];
    });
    return new Map((await Promise.all(looks)).flat());
  }

  #choose(file: HostedFile, pair: KeyPair | undefined, now: Date, problems: string[]): InUse | undefined {
    const { host } = file;
    const before = this.#inUse.get(host);
    if (pair === undefined) {
      problems.push(
        before === undefined
          ? `there is no usable certificate for ${host}: its policy is not served over HTTPS`
          : `there is no usable certificate for ${host} any more: the last one stays in use`,
      );
      return before;
    }
    const unfit = unfitFor(pair, host, now);
    problems.push(...unfit);
    if (before !== undefined && sameChain(before.pair, pair)) return before;
    if (before !== undefined && unfit.length > 0 && unfitFor(before.pair, host, now).length === 0) {
      problems.push(`the last certificate for ${host} stays in use`);
      return before;
    }
    try {
      const context = createSecureContext({ cert: pair.chainPem, key: pair.keyPem, minVersion: 'TLSv1.2' });
      if (before !== undefined) this.#log.notice(`the certificate for ${host} was renewed (${pair.file})`);
      return { pair, context };
    } catch (error) {
      problems.push(`${pair.file}: unusable for ${host}: ${messageOf(error)}`);
      return before;
    }
  }

  /** What is in use now, for each host: another text once a certificate is another. */
  inUse(): string {
    return [...this.#inUse].map(([host, { pair }]) => `${host} ${pair.leaf.fingerprint256}`).join('\n');
  }

  /** Whoever was told of a problem is told that it is none any more; a renewal says so itself. */
  #sayMended(host: string, { pair }: InUse): void {
    if (!this.#troubled.has(host)) return;
    const before = this.#inUse.get(host);
    if (before === undefined || sameChain(before.pair, pair))
      this.#log.notice(`the certificate for ${host} is in order (${pair.file})`);
  }

  /** Each problem once, until it goes away. */
  #say(problems: readonly string[]): void {
    for (const problem of new Set(problems)) if (!this.#said.has(problem)) this.#log.warn(problem);
    this.#said = new Set(problems);
  }
}

function stampOf({ path, stamp }: Seen): string {
  return `${path} ${stamp}`;
}

function namedPair(
  { certificateFile, keyFile }: Extract<HostedFile['certificate'], { kind: 'files' }>,
  read: StoredFiles,
  problems: string[],
): KeyPair | undefined {
  const paired = pairContents(read.contents);
  problems.push(...read.problems, ...paired.problems);
  const complete = read.problems.length + paired.problems.length === 0;
  if (complete && paired.pairs.length === 0) {
    problems.push(`${certificateFile}: ${keyFile} does not hold the key of this certificate`);
  }
  return paired.pairs[0];
}

interface DirectoryIndex {
  /** The pairs whose leaves name the host; a wildcard stands for one label. */
  pairs(host: string): readonly KeyPair[];
  /** The files whose leaves name the host, and whose key is in none of the files. */
  keyless(host: string): readonly string[];
}

function indexDirectory(read: StoredFiles, problems: string[]): DirectoryIndex {
  const paired = pairContents(read.contents);
  problems.push(...read.problems, ...paired.problems);
  const pairs = byName(paired.pairs, ({ leaf }) => leaf);
  const keyless = byName(paired.keyless, ({ leaf }) => leaf);
  return { pairs, keyless: (host) => keyless(host).map(({ file }) => file) };
}

/** Finds those of `items` whose leaves have a host's name, or a wildcard for it, among their DNS-IDs. */
function byName<T>(
  items: readonly T[],
  leafOf: (item: T) => KeyPair['leaf'],
): (host: string) => readonly T[] {
  const found = new Map<string, T[]>();
  for (const item of items) {
    for (const name of dnsNames(leafOf(item)).dnsIds) found.set(name, [...(found.get(name) ?? []), item]);
  }
  return (host) => [...(found.get(host) ?? []), ...(found.get(`*${host.slice(host.indexOf('.'))}`) ?? [])];
}

/** Why senders would not take it, as far as the leaf tells. */
function unfitFor(pair: KeyPair, host: string, now: Date): string[] {
  const problems: string[] = [];
  if (!isValid(pair, now)) problems.push(`${pair.file}: the certificate for ${host} is not valid today`);
  const misnamed = nameFault(pair.leaf, host);
  if (misnamed !== undefined) problems.push(`${pair.file}: the certificate ${misnamed}`);
  return problems;
}

function sameChain(a: KeyPair, b: KeyPair): boolean {
  return a.chainPem === b.chainPem && a.keyPem === b.keyPem;
}
