/**
 * The record of the fleet: the files of this host, and beside them what Redis has of those of the others.
 *
 * What comes from Redis may have been written by anybody who can write there. It is bounded in every way before it is looked at,
 * costs itself where it is damaged, and is told apart: it counts beside this host's own files, never in their place.
 */
import * as fs from 'node:fs/promises';
import { dayOfCounts } from '../../day_files/names';
import type { EvidenceReader, Reading, Wanted } from '../../evidence/evidence';
import { readFiles, type FileReaderOptions } from '../../evidence/store/file_reader';
import { ReadingSums } from '../../evidence/reading';
import { dayAfter, type Day } from '../../peers/day';
import { printable } from '../../text';
import type { FleetRedis } from '../connection';
import type { Secrets } from '../secret';
import { copiedFile } from './copied_file';
import { parseState, type CopyState } from './copy_state';
import { fileId, indexKey, isFileId } from './keys';
import { listedFiles } from './scripts';

export interface FleetReaderOptions {
  readonly redis: FleetRedis;
  readonly local: FileReaderOptions;
  /** What is not signed with one of them does not count. */
  readonly secrets?: Secrets | undefined;
}

/** Milliseconds for one answer of Redis, and for all of them. */
const patience = 2_000;
const longest = 300_000;

/** Days that are asked for at most; and peers of a day, in all, that are taken from Redis. */
const mostDays = 400;
const mostRows = 4_000_000;

/** Files that are read at the same time. */
const atATime = 8;

/** Reads the whole fleet, or nothing: it rejects where Redis does not answer. */
export interface FleetReader extends EvidenceReader {
  /** What Redis has of the others for each day, for those who keep what they have read. Days without anything are absent. */
  stamps(from: Day, to: Day): Promise<Map<Day, string>>;
}

interface Listed {
  readonly day: Day;
  readonly file: string;
  readonly state: CopyState;
}

export function createFleetReader(options: FleetReaderOptions): FleetReader {
  const shared = new Shared(options);
  return {
    async read(wanted): Promise<Reading> {
      const sums = new ReadingSums(wanted);
      const others = await shared.read(wanted, sums);
      const own = await readFiles(options.local, wanted, sums);
      const found = sums.rows();
      return {
        rows: found.rows,
        problems: [...own.problems, ...others.problems, ...found.problems],
        unread: own.unread + others.unread,
        hosts: others.hosts,
      };
    },
    stamps: async (from, to) => {
      const stamps = new Map<Day, string>();
      for (const { day, file, state } of (await shared.files(from, to)).listed)
        stamps.set(day, `${stamps.get(day) ?? ''}${file} ${state.octets} ${state.digest}\n`);
      return stamps;
    },
  };
}

class Shared {
  readonly #options: FleetReaderOptions;

  constructor(options: FleetReaderOptions) {
    this.#options = options;
  }

  /** What Redis lists and this host has not itself. */
  async files(from: Day, to: Day): Promise<{ readonly listed: readonly Listed[]; readonly strange: number }> {
    const { redis, local } = this.#options;
    const own = await ownFiles(local.directory);
    const listed: Listed[] = [];
    let [strange, days] = [0, 0];
    for (let day = from; day <= to && day <= local.today && days < mostDays; day = dayAfter(day), days++) {
      const found = await redis.run(patience, (client) => listedFiles(client, indexKey(redis, day)));
      for (const [file, text] of found.sort(([a], [b]) => (a < b ? -1 : 1))) {
        const state = parseState(text);
        if (!isFileId(file) || state === undefined) strange += 1;
        else if (!own.has(`${day} ${file}`)) listed.push({ day, file, state });
      }
    }
    return { listed, strange };
  }

  async read(
    wanted: Wanted,
    sums: ReadingSums,
  ): Promise<{
    readonly problems: readonly string[];
    readonly unread: number;
    readonly hosts: readonly string[];
  }> {
    const { redis, secrets } = this.#options;
    const until = performance.now() + longest;
    const { listed, strange } = await this.files(wanted.from, wanted.to);
    const problems: string[] = [];
    let unread = strange;
    if (strange > 0) problems.push(`Redis: ${strange} entries that are none of this record are left out`);
    const waiting = [...listed];
    const take = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        if (performance.now() > until) throw new Error(`it takes more than ${longest / 1000} s`);
        const { day, file, state } = one;
        const { kind, problem } = await copiedFile(
          { redis, day, file, state, secrets, patience },
          (counts) => {
            if (sums.size < mostRows) sums.add(day, counts.key, counts.counts);
            return sums.size < mostRows;
          },
        );
        if (problem !== '') problems.push(`Redis: ${day} of ${state.host}: ${printable(problem)}`);
        if (kind === 'unread') unread += 1;
      }
    };
    await Promise.all(Array.from({ length: atATime }, take));
    const hosts = [...new Set(listed.map(({ state }) => state.host))].sort();
    return { problems: problems.sort(), unread, hosts };
  }
}

async function ownFiles(directory: string): Promise<ReadonlySet<string>> {
  const names = await fs.readdir(directory).catch(() => []);
  return new Set(
    names.flatMap((name) => {
      const day = dayOfCounts(name);
      return day === undefined ? [] : [`${day} ${fileId(name)}`];
    }),
  );
}
