/**
 * The certificates of the policy hosts, by name, as they are on disk now. What was good stays in use until something
 * good takes its place: a half-written or unreadable renewal does not end the service.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import path from 'node:path';
import type { Log } from '../log';
import { messageOf } from '../text';
import { dnsNames, sanMatches } from '../x509/names';
import type { Catalogue, HostedFile } from './catalogue';
import { best, isValid, pairKeys, type KeyPair } from './pem';
import { directoryReader, fileReader } from './pem_files';

interface Held {
  readonly pair: KeyPair;
  readonly context: SecureContext;
}

/** Which of several certificates is valid changes with time alone. Milliseconds. */
const reconsiderMs = 3_600_000;

export class Certificates {
  private held = new Map<string, Held>();
  private stamp = '';
  private readAt = 0;
  private said = new Set<string>();

  /** @param base Haraka's config directory */
  constructor(
    private readonly base: string,
    private readonly log: Log,
  ) {}

  /** `undefined` for a name that is not served, or has no certificate. */
  contextFor(host: string): SecureContext | undefined {
    return this.held.get(host)?.context;
  }

  /** The pair in use, for checks. */
  pairFor(host: string): KeyPair | undefined {
    return this.held.get(host)?.pair;
  }

  /** Takes in what changed on disk or in the catalogue. */
  async refresh(catalogue: Catalogue, directory: string, now: Date): Promise<void> {
    const shared = directoryReader(path.resolve(this.base, directory));
    const stamp = await this.stampOf(catalogue, shared);
    if (stamp === this.stamp && now.getTime() - this.readAt < reconsiderMs) return;
    const problems: string[] = [];
    const index = await indexDirectory(shared, problems);
    const next = new Map<string, Held>();
    for (const file of catalogue.values()) {
      const pair =
        file.certificate.kind === 'directory'
          ? best(index.pairs(file.host), now)
          : await this.named(file.certificate, problems);
      if (file.certificate.kind === 'directory') {
        for (const name of index.keyless(file.host)) {
          problems.push(`${name}: the certificate for ${file.host} has no key below ${directory}`);
        }
      }
      const held = this.hold(file, pair, now, problems);
      if (held !== undefined) next.set(file.host, held);
    }
    this.held = next;
    this.stamp = stamp;
    this.readAt = now.getTime();
    this.say(problems);
  }

  private async stampOf(catalogue: Catalogue, shared: ReturnType<typeof directoryReader>): Promise<string> {
    const parts = [...catalogue.values()].map(async ({ host, certificate }) =>
      certificate.kind === 'directory'
        ? host
        : `${host} ${await fileReader(this.base, [certificate.certificateFile, certificate.keyFile]).stamp()}`,
    );
    return [await shared.stamp(), ...(await Promise.all(parts))].join('\n');
  }

  private async named(
    { certificateFile, keyFile }: Extract<HostedFile['certificate'], { kind: 'files' }>,
    problems: string[],
  ): Promise<KeyPair | undefined> {
    const names = [...new Set([certificateFile, keyFile])];
    const read = await fileReader(this.base, names).read();
    const paired = pairKeys(read.files);
    problems.push(...read.problems, ...paired.problems);
    const complete = read.problems.length + paired.problems.length === 0;
    if (complete && paired.pairs.length === 0) {
      problems.push(`${certificateFile}: ${keyFile} does not hold the key of this certificate`);
    }
    return paired.pairs[0];
  }

  private hold(file: HostedFile, pair: KeyPair | undefined, now: Date, problems: string[]): Held | undefined {
    const { host } = file;
    const before = this.held.get(host);
    if (pair === undefined) {
      problems.push(
        before === undefined
          ? `there is no usable certificate for ${host}: its policy is not served over HTTPS`
          : `there is no usable certificate for ${host} any more: the last one stays in use`,
      );
      return before;
    }
    if (!isValid(pair, now)) problems.push(`${pair.file}: the certificate for ${host} is not valid today`);
    if (!sanMatches(pair.leaf, host)) problems.push(`${pair.file}: the certificate does not name ${host}`);
    if (before !== undefined && sameChain(before.pair, pair)) return before;
    try {
      const context = createSecureContext({ cert: pair.chainPem, key: pair.keyPem, minVersion: 'TLSv1.2' });
      if (before !== undefined) this.log.notice(`the certificate for ${host} was renewed (${pair.file})`);
      return { pair, context };
    } catch (error) {
      problems.push(`${pair.file}: unusable for ${host}: ${messageOf(error)}`);
      return before;
    }
  }

  /** Each problem once, until it goes away. */
  private say(problems: readonly string[]): void {
    for (const problem of new Set(problems)) if (!this.said.has(problem)) this.log.warn(problem);
    this.said = new Set(problems);
  }
}

interface DirectoryIndex {
  /** The pairs whose leaves name the host; a wildcard stands for one label. */
  pairs(host: string): readonly KeyPair[];
  /** The files whose leaves name the host, and whose key is in none of the files. */
  keyless(host: string): readonly string[];
}

async function indexDirectory(
  reader: ReturnType<typeof directoryReader>,
  problems: string[],
): Promise<DirectoryIndex> {
  const read = await reader.read();
  const paired = pairKeys(read.files);
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

function sameChain(a: KeyPair, b: KeyPair): boolean {
  return a.chainPem === b.chainPem && a.keyPem === b.keyPem;
}
