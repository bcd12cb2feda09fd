/** The peers of a domain: however many there are, only those in sight are here. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { addressOf, ask } from '../api';
import { useMedia } from '../parts/media';
import { Counts, CsvLink, Level, Problems, VersionBar } from '../parts/basics';
import { linkTo, replaceQuery } from '../route';
import type { PeerRow, PeersPage } from '../shapes';
import { domainName, named, number } from '../words';

const sorts = {
  messages: 'messages of 30 days',
  week: 'messages of 7 days',
  name: 'name',
  cleartext: 'cleartext',
  failures: 'failures',
  last_seen: 'last seen',
  level: 'level',
  exempt_until: 'end of exemption',
} as const;

const shows = {
  all: 'all peers',
  listed: 'peers with a section',
  cleartext: 'with cleartext',
  old_tls: 'with TLS 1.0 or 1.1',
  failing: 'with failures',
  exempt: 'with an exemption',
} as const;

const levels = [
  'none',
  'opportunistic',
  'mandatory',
  'verify',
  'opportunistic_dane',
  'mandatory_dane',
  'mta_sts',
  'auto',
] as const;

/** Rows in one question, and beyond what is in sight. */
const atOnce = 50;
const beyond = 10;

export function Peers({ query }: { readonly query: URLSearchParams }) {
  const managed = query.get('managed') ?? '';
  const direction = query.get('direction') === 'in' ? 'in' : 'out';
  const asked = {
    managed,
    direction,
    search: query.get('search') ?? '',
    sort: query.get('sort') ?? 'messages',
    order: query.get('order') ?? '',
    show: query.get('show') ?? 'all',
    level: query.get('level') ?? '',
  };
  const change = (to: Readonly<Record<string, string>>): void => {
    const all: Record<string, string | undefined> = { ...asked, ...to };
    for (const [name, value] of Object.entries(all))
      if (value === '' && name !== 'managed') all[name] = undefined;
    replaceQuery('peers', all);
  };
  return (
    <>
      <h1>Peers of {domainName(managed)}</h1>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Search{' '}
          <input
            type="search"
            id="search"
            value={asked.search}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => {
              performance.mark('search');
              change({ search: event.currentTarget.value });
            }}
          />
        </label>
        <Choice
          name="Direction"
          value={direction}
          of={{ out: 'outbound', in: 'inbound' }}
          onChange={(value) => change({ direction: value })}
        />
        <Choice name="Show" value={asked.show} of={shows} onChange={(show) => change({ show })} />
        <Choice
          name="Level"
          value={asked.level}
          of={{ '': 'any', ...Object.fromEntries(levels.map((level) => [level, level])) }}
          onChange={(level) => change({ level })}
        />
        <Choice
          name="Sort by"
          value={asked.sort}
          of={sorts}
          onChange={(sort) => change({ sort, order: '' })}
        />
        <button
          type="button"
          onClick={() => change({ order: isAscending(asked) ? 'desc' : 'asc' })}
          aria-label={
            isAscending(asked) ? 'Sorted upwards; sort downwards' : 'Sorted downwards; sort upwards'
          }
        >
          {isAscending(asked) ? '↑' : '↓'}
        </button>
        <CsvLink href={addressOf('peers', { ...asked, format: 'csv' })} />
      </form>
      <Rows key={`${managed} ${direction}`} asked={asked} />
    </>
  );
}

function isAscending({ sort, order }: { readonly sort: string; readonly order: string }): boolean {
  return order === '' ? sort === 'name' : order === 'asc';
}

function Choice({
  name,
  value,
  of,
  onChange,
}: {
  readonly name: string;
  readonly value: string;
  readonly of: Readonly<Record<string, string>>;
  readonly onChange: (value: string) => void;
}) {
  return (
    <label>
      {name}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {Object.entries(of).map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Found {
  /** What was asked for. */
  readonly address: string;
  readonly page: Omit<PeersPage, 'rows' | 'offset'>;
  readonly rows: ReadonlyMap<number, PeerRow>;
}

function Rows({ asked }: { readonly asked: Readonly<Record<string, string>> }) {
  const address = addressOf('peers', asked);
  const [found, setFound] = useState<Found | undefined>(undefined);
  const [failure, setFailure] = useState('');
  const [first, setFirst] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const loading = useRef(new Map<number, AbortController>());
  const height = useRowHeight();

  const load = (chunk: number): void => {
    if (loading.current.has(chunk)) return;
    const gone = new AbortController();
    loading.current.set(chunk, gone);
    ask<PeersPage>('peers', { ...asked, offset: chunk * atOnce, limit: atOnce }, gone.signal)
      .then(({ rows, offset, ...page }) => {
        setFailure('');
        setFound((known) => {
          const kept = known?.address === address ? known.rows : new Map<number, PeerRow>();
          return {
            address,
            page,
            rows: new Map([...kept, ...rows.map((row, at) => [offset + at, row] as const)]),
          };
        });
      })
      .catch((error: unknown) => {
        if (!gone.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
      });
  };

  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
    setFirst(0);
    load(0);
    const begun = loading.current;
    return () => {
      for (const one of begun.values()) one.abort();
      begun.clear();
    };
  }, [address]);

  useLayoutEffect(() => {
    if (found?.address === address) measure();
  }, [found?.address]);

  const matching = found?.page.matching ?? 0;
  const inSight = Math.ceil((scroller.current?.clientHeight ?? 600) / height) + beyond;
  const from = Math.max(0, first - beyond);
  const to = Math.min(matching, first + inSight);
  useEffect(() => {
    if (found?.address !== address) return;
    for (let chunk = Math.floor(from / atOnce); chunk * atOnce < to; chunk++) load(chunk);
  }, [from, to, found?.address]);

  if (found === undefined)
    return failure === '' ? (
      <p class="loading">Loading …</p>
    ) : (
      <p class="problem" role="alert">
        {failure}
      </p>
    );
  const { total, problems } = found.page;
  const rows = Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
  return (
    <>
      <Problems of={problems} />
      {failure !== '' && <p class="problem">{failure}</p>}
      <p role="status" class="quiet" id="matching">
        {number(matching)} of {number(total)} peers
      </p>
      <div
        ref={scroller}
        class={`table tall ${found.address === address ? '' : 'stale'}`}
        role="region"
        aria-label="Peers"
        tabIndex={0}
        onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / height))}
      >
        <table class="peers" aria-rowcount={matching + 1}>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col">peer</th>
              <th scope="col">level</th>
              <th scope="col">exempt until (UTC)</th>
              <th scope="col" class="number">
                7 days
              </th>
              <th scope="col" class="number">
                30 days
              </th>
              <th scope="col">by TLS version</th>
              <th scope="col">verified</th>
              <th scope="col" class="number">
                failed
              </th>
              <th scope="col">last seen (UTC)</th>
              <th scope="col">stricter would hold</th>
            </tr>
          </thead>
          <tbody>
            {from > 0 && (
              <tr class="space" aria-hidden="true">
                <td colSpan={10} style={{ height: `${from * height}px` }} />
              </tr>
            )}
            {rows.map((at) => (
              <Row key={at} at={at} row={found.rows.get(at)} height={height} />
            ))}
            {to < matching && (
              <tr class="space" aria-hidden="true">
                <td colSpan={10} style={{ height: `${(matching - to) * height}px` }} />
              </tr>
            )}
          </tbody>
        </table>
        {matching === 0 && (
          <p class="quiet">{total === 0 ? 'No peer is listed, and none was seen.' : 'No peer fits.'}</p>
        )}
      </div>
    </>
  );
}

function Row({
  at,
  row,
  height,
}: {
  readonly at: number;
  readonly row: PeerRow | undefined;
  readonly height: number;
}) {
  const style = { height: `${height}px` };
  if (row === undefined)
    return (
      <tr aria-rowindex={at + 2} style={style}>
        <td colSpan={10} class="quiet">
          …
        </td>
      </tr>
    );
  const { managed, direction, peer, month, week } = row;
  return (
    <tr aria-rowindex={at + 2} style={style}>
      <th scope="row">
        <a href={linkTo('peer', { managed, direction, peer })}>{peer}</a>
        {row.status !== 'not_listed' && (
          <span class={row.status === 'enabled' ? 'tag' : 'tag warn'}>
            {row.status === 'enabled' ? 'section' : row.status}
          </span>
        )}
      </th>
      <td data-name="level">
        <Level of={row} />
      </td>
      <td data-name="exempt until">
        {row.exemptUntil === '' ? <span class="quiet">–</span> : row.exemptUntil}
      </td>
      <td data-name="7 days" class="number">
        {number(week.messages)}
      </td>
      <td data-name="30 days" class="number">
        {number(month.messages)}
      </td>
      <td data-name="TLS">
        <VersionBar tls={month.tls} />
      </td>
      <td data-name="verified">
        <Counts of={verifiedOf(month.verified)} />
      </td>
      <td data-name="failed" class="number">
        {number(month.deferred + month.bounced + month.refused)}
      </td>
      <td data-name="last seen">{row.lastSeen === '' ? <span class="quiet">never</span> : row.lastSeen}</td>
      <td data-name="stricter">{row.stricter === '' ? <span class="quiet">–</span> : named(row.stricter)}</td>
    </tr>
  );
}

function verifiedOf(verified: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(verified).filter(([how]) => how !== 'none'));
}

/** From the key that was pressed to what it found, once the browser has shown it. */
function measure(): void {
  if (performance.getEntriesByName('search', 'mark').length === 0) return;
  requestAnimationFrame(() => {
    const shown = new MessageChannel();
    shown.port1.onmessage = () => {
      shown.port1.close();
      if (performance.getEntriesByName('search', 'mark').length === 0) return;
      performance.measure('searched', 'search');
      performance.clearMarks('search');
    };
    shown.port2.postMessage('shown');
  });
}

/** Pixels; as the style has it. A phone shows each peer over several lines. */
function useRowHeight(): number {
  return useMedia('(max-width: 52rem)') ? 160 : 44;
}
