/** The last 30 days: TLS versions over time, what failed, and who fails most. */
import { addressOf, useAnswer } from '../api';
import { Answered, Counts, CsvLink, DayUtc, Problems, Share, Table } from '../parts/basics';
import { StackedDays } from '../parts/chart';
import { linkTo, replaceQuery } from '../route';
import type { DaySums, OverviewDocument } from '../shapes';
import { domainName, number, versions } from '../words';

const periods = ['day', 'week', 'month'] as const;

export function Overview({ query }: { readonly query: URLSearchParams }) {
  const by = query.get('by') ?? 'day';
  const asked = { by, days: by === 'day' ? 30 : by === 'week' ? 84 : 365 };
  const overview = useAnswer<OverviewDocument>('overview', asked, 60_000);
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <label>
          by{' '}
          <select
            value={by}
            onChange={(event) => replaceQuery('overview', { by: event.currentTarget.value })}
          >
            {periods.map((period) => (
              <option key={period} value={period}>
                {period}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Answered of={overview}>
        {(found) => (
          <>
            <Problems of={found.problems} />
            <Totals out={found.out} into={found.in} />
            <div class="charts">
              <StackedDays
                title="Outbound messages by TLS version"
                days={tlsOf(found.out)}
                names={versions}
              />
              <StackedDays title="Inbound messages by TLS version" days={tlsOf(found.in)} names={versions} />
              <StackedDays
                title="Outbound attempts that did not end in a delivery, by reason"
                days={reasonsOf(found.out)}
                names={reasonNames(found.out)}
              />
              <StackedDays
                title="Refused inbound mail, by reason"
                days={reasonsOf(found.in)}
                names={reasonNames(found.in)}
              />
            </div>
            <p>
              The record goes back as far as <code>[evidence] days</code> says.{' '}
              <CsvLink href={addressOf('days', { ...asked, format: 'csv' })} />
            </p>
            <Table
              caption="Peers that fail most"
              rows={found.failing}
              empty="No attempt has failed."
              csv={addressOf('overview', { ...asked, format: 'csv' })}
              columns={[
                {
                  name: 'peer',
                  cell: ({ managed, direction, peer }) => (
                    <a href={linkTo('peer', { managed, direction, peer })}>{peer}</a>
                  ),
                },
                {
                  name: 'domain',
                  cell: ({ managed, direction }) =>
                    `${domainName(managed)}, ${direction === 'out' ? 'outbound' : 'inbound'}`,
                },
                { name: 'failures', cell: ({ failures }) => number(failures), isNumber: true },
                { name: 'messages', cell: ({ messages }) => number(messages), isNumber: true },
                { name: 'reasons', cell: ({ reasons }) => <Counts of={reasons} /> },
                { name: 'last seen', cell: ({ lastSeen }) => <DayUtc day={lastSeen} /> },
              ]}
            />
          </>
        )}
      </Answered>
    </>
  );
}

function Totals({ out, into }: { readonly out: readonly DaySums[]; readonly into: readonly DaySums[] }) {
  const sum = (of: readonly DaySums[], count: (day: DaySums) => number) =>
    of.reduce((total, day) => total + count(day), 0);
  const failed = (day: DaySums) =>
    (day.outcomes['deferred'] ?? 0) + (day.outcomes['bounced'] ?? 0) + (day.outcomes['refused'] ?? 0);
  const figures = [
    ['delivered', number(sum(out, ({ messages }) => messages))],
    ['attempts that failed', number(sum(out, failed))],
    ['accepted', number(sum(into, ({ messages }) => messages))],
    ['refused', number(sum(into, failed))],
  ] as const;
  const clear = (of: readonly DaySums[]) => (
    <Share part={sum(of, ({ tls }) => tls['none'] ?? 0)} of={sum(of, ({ messages }) => messages)} />
  );
  return (
    <dl class="figures">
      {figures.slice(0, 2).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <div>
        <dt>sent in cleartext</dt>
        <dd>{clear(out)}</dd>
      </div>
      {figures.slice(2).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <div>
        <dt>received in cleartext</dt>
        <dd>{clear(into)}</dd>
      </div>
    </dl>
  );
}

function tlsOf(days: readonly DaySums[]) {
  return days.map(({ day, tls }) => ({ day, counts: tls }));
}

function reasonsOf(days: readonly DaySums[]) {
  return days.map(({ day, reasons }) => ({ day, counts: reasons }));
}

function reasonNames(days: readonly DaySums[]): string[] {
  return [...new Set(days.flatMap(({ reasons }) => Object.keys(reasons)))].sort();
}
