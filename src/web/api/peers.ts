/** The peers of a domain as a table of a hundred thousand rows: found, sorted and filtered here, shown a page at a time. */
import type { Direction, PeerKey } from '../../evidence/day_table';
import { askedCounts } from '../../evidence/sighting';
import { sectionsByPeer } from '../../peers/index';
import { dayBefore, type Day } from '../../peers/day';
import type { Settings } from '../../settings/schema/types';
import { columnsOf, failuresAt, messagesAt, sumsAt, versionAt, type Columns, type PeerSums } from './columns';
import type { Cube } from './cube';
import { monthDays, weekDays, type Desk } from './desk';
import { verifications, versions, width, type Kind } from './kinds';
import { AskedWrongly, csv, document, type Reply } from './reply';
import type { Query } from './query';
import { RuleBook, type RuleLook } from './rule_look';
import { countsIn } from './slice';
import { Stricter, type Holds } from './stricter';

export interface PeerRow extends Omit<RuleLook, 'rule'> {
  readonly managed: string;
  readonly direction: Direction;
  readonly peer: string;
  readonly week: PeerSums;
  readonly month: PeerSums;
  /** `YYYY-MM-DD`, empty for never. */
  readonly lastSeen: string;
  /** The strictest step up (see stricter.ts) that all that went in 30 days would have met; empty where there is none. */
  readonly stricter: string;
  /** The steps up, each with whether all of it would have met it. */
  readonly above: Readonly<Record<string, Holds>>;
}

export interface PeersPage {
  readonly managed: string;
  readonly direction: Direction;
  /** Of this domain and direction, and those that are asked for. */
  readonly total: number;
  readonly matching: number;
  readonly offset: number;
  readonly rows: readonly PeerRow[];
  readonly problems: readonly string[];
}

const sorts = [
  'messages',
  'name',
  'cleartext',
  'failures',
  'last_seen',
  'level',
  'exempt_until',
  'week',
] as const;
type Sort = (typeof sorts)[number];

/** Rows in one answer. */
const mostRows = 500;

/** Orders that are kept: those who look go back and forth between few. */
const ordersKept = 24;

/** Everything that is worked out from one state of record and settings. */
interface Sheet {
  readonly cube: Cube;
  readonly version: number;
  readonly settings: Settings;
  readonly today: Day;
  readonly columns: Columns;
  readonly rules: RuleBook;
  readonly looks: (RuleLook | undefined)[];
  /** By managed domain and direction. */
  readonly groups: ReadonlyMap<string, readonly number[]>;
  readonly orders: Map<string, readonly number[]>;
  readonly stricter: Stricter;
}

export class PeerTable {
  readonly #desk: Desk;
  #sheet: Sheet | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  async answer(query: Query): Promise<Reply> {
    const { cube, problems } = await this.#desk.record('looked_at');
    const sheet = this.#sheetOf(cube);
    const managed = (query.text('managed') ?? '').toLowerCase();
    const direction = query.choice('direction', ['out', 'in'], 'out');
    const ordered = this.#ordered(cube, sheet, { managed, direction }, query);
    const search = (query.text('search') ?? '').toLowerCase().trim();
    const matching =
      search === '' ? ordered : ordered.filter((number) => cube.keys[number]?.peer.includes(search));
    const row = (number: number) => this.#row(cube, sheet, number);
    if (query.text('format') === 'csv')
      return csv(`peers-${managed === '' ? 'unspecified' : managed}-${direction}`, [
        csvHeader,
        ...matching.map((number) => csvRecord(row(number))),
      ]);
    const offset = query.integer('offset', { min: 0, max: 10_000_000, usual: 0 });
    const limit = query.integer('limit', { min: 1, max: mostRows, usual: 100 });
    return document({
      managed,
      direction,
      total: sheet.groups.get(groupOf(managed, direction))?.length ?? 0,
      matching: matching.length,
      offset,
      rows: matching.slice(offset, offset + limit).map(row),
      problems,
    } satisfies PeersPage);
  }

  /** One row, whether anything was counted or not. */
  async rowOf(key: PeerKey): Promise<PeerRow> {
    const { cube } = await this.#desk.record('looked_at');
    const sheet = this.#sheetOf(cube);
    const number = cube.numberOf(key);
    if (number !== undefined) return this.#row(cube, sheet, number);
    const look = shown(sheet.rules.look(key));
    const none = sumsAt(new Float64Array(0), 0);
    return { ...key, ...look, week: none, month: none, lastSeen: '', stricter: '', above: {} };
  }

  /** The busiest of all domains in seven days. */
  async busiest(count: number): Promise<PeerRow[]> {
    if (count === 0) return [];
    const { cube } = await this.#desk.record('looked_at');
    const sheet = this.#sheetOf(cube);
    const { week } = sheet.columns;
    const weight = (number: number) => messagesAt(week, number) + failuresAt(week, number);
    return cube.keys
      .map((_, number) => number)
      .sort((a, b) => weight(b) - weight(a) || a - b)
      .slice(0, count)
      .map((number) => this.#row(cube, sheet, number));
  }

  /** Those with the most failures in 30 days, the worst first. */
  async failing(count: number): Promise<PeerKey[]> {
    const { cube } = await this.#desk.record('looked_at');
    const { month } = this.#sheetOf(cube).columns;
    return cube.keys
      .map((key, number) => ({ key, number, failures: failuresAt(month, number) }))
      .filter(({ failures }) => failures > 0)
      .sort((a, b) => b.failures - a.failures || a.number - b.number)
      .slice(0, count)
      .map(({ key }) => key);
  }

  /** How many peers there are, and what went, by domain and direction. */
  async groups(): Promise<{
    readonly groups: ReadonlyMap<string, { readonly peers: number; readonly month: PeerSums }>;
    readonly problems: readonly string[];
  }> {
    const { cube, problems } = await this.#desk.record('looked_at');
    const { groups, columns } = this.#sheetOf(cube);
    const sums = (numbers: readonly number[]): PeerSums => {
      const all = new Float64Array(columns.month.length === 0 ? 0 : width);
      for (const number of numbers)
        for (let at = 0; at < width; at++)
          all[at] = (all[at] ?? 0) + (columns.month[number * width + at] ?? 0);
      return sumsAt(all, 0);
    };
    const found = new Map(
      [...groups].map(([name, numbers]) => [name, { peers: numbers.length, month: sums(numbers) }]),
    );
    return { groups: found, problems };
  }

  #sheetOf(cube: Cube): Sheet {
    const settings = this.#desk.settings();
    const today = this.#desk.today();
    const known = this.#sheet;
    const isSameRules = known?.cube === cube && known.settings === settings && known.today === today;
    if (isSameRules && known.version === cube.version) return known;
    for (const key of writtenPeers(settings)) cube.number(key);
    const groups = new Map<string, number[]>();
    for (const [number, { managed, direction }] of cube.keys.entries()) {
      const of = groupOf(managed, direction);
      const group = groups.get(of);
      if (group === undefined) groups.set(of, [number]);
      else group.push(number);
    }
    this.#sheet = {
      cube,
      version: cube.version,
      settings,
      today,
      columns: columnsOf(cube, today, { weekDays, monthDays }),
      rules: isSameRules ? known.rules : new RuleBook(settings, today),
      looks: isSameRules ? known.looks : [],
      groups,
      orders: new Map(),
      stricter: known?.stricter ?? new Stricter(),
    };
    return this.#sheet;
  }

  #ordered(
    cube: Cube,
    sheet: Sheet,
    { managed, direction }: Pick<PeerKey, 'managed' | 'direction'>,
    query: Query,
  ): readonly number[] {
    const sort = query.choice('sort', sorts, 'messages');
    const order = query.choice('order', ['', 'asc', 'desc'], '');
    const filter = filterOf(query);
    const name = JSON.stringify([managed, direction, sort, order, filter]);
    const known = sheet.orders.get(name);
    if (known !== undefined) return known;
    const kept = (sheet.groups.get(groupOf(managed, direction)) ?? []).filter((number) =>
      this.#passes(cube, sheet, number, filter),
    );
    const sorted = this.#sorted(cube, sheet, kept, sort);
    const wanted = order !== '' && order !== usualOrder(sort) ? sorted.reverse() : sorted;
    if (sheet.orders.size >= ordersKept) sheet.orders.delete(sheet.orders.keys().next().value ?? '');
    sheet.orders.set(name, wanted);
    return wanted;
  }

  #sorted(cube: Cube, sheet: Sheet, numbers: readonly number[], sort: Sort): number[] {
    const name = (number: number) => cube.keys[number]?.peer ?? '';
    const byName = (a: number, b: number) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0);
    if (sort === 'name') return [...numbers].sort(byName);
    const texts = (of: (number: number) => string) =>
      [...numbers].sort((a, b) => {
        const [one, other] = [of(a), of(b)];
        return one < other ? 1 : one > other ? -1 : byName(a, b);
      });
    const values = (of: (number: number) => number) => {
      const worth = new Map(numbers.map((number) => [number, of(number)]));
      return [...numbers].sort((a, b) => (worth.get(b) ?? 0) - (worth.get(a) ?? 0) || byName(a, b));
    };
    const { month, week, lastSeen } = sheet.columns;
    switch (sort) {
      case 'messages':
        return values((number) => messagesAt(month, number));
      case 'week':
        return values((number) => messagesAt(week, number));
      case 'cleartext':
        return values((number) => versionAt(month, number, 'none'));
      case 'failures':
        return values((number) => failuresAt(month, number));
      case 'last_seen':
        return texts((number) => lastSeen[number] ?? '');
      case 'level':
        return texts((number) => this.#look(cube, sheet, number).level);
      case 'exempt_until':
        return texts((number) => this.#look(cube, sheet, number).exemptUntil);
    }
  }

  #passes(cube: Cube, sheet: Sheet, number: number, { show, level }: Filter): boolean {
    const { month } = sheet.columns;
    if (level !== '' && this.#look(cube, sheet, number).level !== level) return false;
    switch (show) {
      case 'all':
        return true;
      case 'cleartext':
        return versionAt(month, number, 'none') > 0;
      case 'failing':
        return failuresAt(month, number) > 0;
      case 'old_tls':
        return versionAt(month, number, 'TLSv1') + versionAt(month, number, 'TLSv1.1') > 0;
      case 'listed':
        return this.#look(cube, sheet, number).status !== 'not_listed';
      case 'exempt':
        return this.#look(cube, sheet, number).exemptUntil !== '';
    }
  }

  #look(cube: Cube, sheet: Sheet, number: number): RuleLook {
    const key = cube.keys[number];
    if (key === undefined) throw new AskedWrongly('no such peer');
    return (sheet.looks[number] ??= sheet.rules.look(key));
  }

  #row(cube: Cube, sheet: Sheet, number: number): PeerRow {
    const key = cube.keys[number];
    if (key === undefined) throw new AskedWrongly('no such peer');
    const look = this.#look(cube, sheet, number);
    const { rule } = look;
    const { week, month, lastSeen } = sheet.columns;
    const above =
      rule === undefined ? [] : [...sheet.stricter.levels(rule, kindsOf(cube, sheet.today, number))];
    return {
      ...key,
      ...shown(look),
      week: sumsAt(week, number),
      month: sumsAt(month, number),
      lastSeen: lastSeen[number] ?? '',
      stricter: above.find(([, holds]) => holds === 'yes')?.[0] ?? '',
      above: Object.fromEntries(above),
    };
  }
}

/** Without the rule itself, which holds certificates. */
function shown({ name, level, minTlsVersion, enforcement, file, line, status, exemptUntil }: RuleLook) {
  return { name, level, minTlsVersion, enforcement, file, line, status, exemptUntil };
}

function kindsOf(cube: Cube, today: Day, number: number): (readonly [number, Kind])[] {
  const ids = new Set<number>();
  for (const [, slice] of cube.slices(dayBefore(today, monthDays - 1), today))
    for (const [kind] of countsIn(slice, number)) ids.add(kind);
  return [...ids].map((id) => [id, cube.kinds.kind(id)] as const);
}

interface Filter {
  readonly show: 'all' | 'cleartext' | 'failing' | 'old_tls' | 'listed' | 'exempt';
  readonly level: string;
}

function filterOf(query: Query): Filter {
  const show = query.choice('show', ['all', 'cleartext', 'failing', 'old_tls', 'listed', 'exempt'], 'all');
  return { show, level: query.text('level') ?? '' };
}

function usualOrder(sort: Sort): 'asc' | 'desc' {
  return sort === 'name' ? 'asc' : 'desc';
}

export function groupOf(managed: string, direction: Direction): string {
  return `${direction} ${managed}`;
}

/** Peers that sections name, whether anything was counted of them or not. */
function* writtenPeers(settings: Settings): Generator<PeerKey> {
  const files = [
    { managed: '', rules: settings.global },
    ...[...settings.domains.values()].flatMap((domain) =>
      domain.kind === 'managed' ? [{ managed: domain.domain, rules: domain }] : [],
    ),
  ];
  for (const { managed, rules } of files) {
    for (const [peer] of sectionsByPeer(rules.outboundPeers)) yield { managed, direction: 'out', peer };
    for (const [peer] of sectionsByPeer(rules.inboundPeers)) yield { managed, direction: 'in', peer };
  }
}

const csvHeader = [
  'managed',
  'direction',
  'peer',
  'status',
  'security_level',
  'min_tls_version',
  'enforcement',
  'rule',
  'exempt_until',
  'messages 7 days',
  'messages 30 days',
  ...versions.map((version) => `30 days ${version}`),
  ...verifications.slice(1).map((one) => `30 days ${one} verification`),
  'deferred',
  'bounced',
  'refused',
  ...askedCounts.map((one) => `30 days requiretls ${one}`),
  'last seen',
  'would also hold',
];

function csvRecord(row: PeerRow): string[] {
  const { month } = row;
  const numbers = (names: readonly string[], of: Readonly<Record<string, number>>) =>
    names.map((name) => String(of[name] ?? 0));
  return [
    ...[row.managed, row.direction, row.peer, row.status, row.level, row.minTlsVersion, row.enforcement],
    ...[row.name, row.exemptUntil, String(row.week.messages), String(month.messages)],
    ...numbers(versions, month.tls),
    ...numbers(verifications.slice(1), month.verified),
    ...[month.deferred, month.bounced, month.refused].map(String),
    ...numbers(askedCounts, month.requiretls),
    row.lastSeen,
    row.stricter,
  ];
}
