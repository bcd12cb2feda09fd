/** One peer: its rule and where it stands, its days, what DNS and its hosts say now, and what a change would have done. */
import { addressOf, useAnswer } from '../api';
import { Answered, Counts, CsvLink, DayUtc, Fact, Level, Problems } from '../parts/basics';
import { StackedDays } from '../parts/chart';
import { linkTo } from '../route';
import type { DaysDocument, ExplainDocument, PeerRow } from '../shapes';
import { domainName, named, number, outcomes, versions } from '../words';
import { Change } from './peer_change';
import { Failures } from './peer_failures';
import { Now } from './peer_now';

export function Peer({ query }: { readonly query: URLSearchParams }) {
  const managed = query.get('managed') ?? '';
  const direction = query.get('direction') === 'in' ? 'in' : 'out';
  const peer = query.get('peer') ?? '';
  const key = { managed, direction, peer };
  const row = useAnswer<PeerRow>('peer', key, 60_000);
  const days = useAnswer<DaysDocument>('days', { ...key, days: 30 }, 60_000);
  return (
    <>
      <nav aria-label="Above" class="above">
        <a href={linkTo('domains')}>Domains</a> ›{' '}
        <a href={linkTo('peers', { managed, direction })}>Peers of {domainName(managed)}</a>
      </nav>
      <h1>{peer}</h1>
      <p class="quiet">
        {direction === 'out' ? 'outbound' : 'inbound'}, {domainName(managed)}
      </p>
      <Answered of={row}>
        {(found) => (
          <>
            <Summary row={found} />
            <Answered of={days}>
              {({ days: of, problems }) => (
                <>
                  <Problems of={problems} />
                  <div class="charts">
                    <StackedDays
                      title="Messages by TLS version"
                      days={of.map(({ day, tls }) => ({ day, counts: tls }))}
                      names={versions}
                    />
                    <StackedDays
                      title="Attempts by outcome"
                      days={of.map(({ day, outcomes: counts }) => ({ day, counts }))}
                      names={outcomes}
                    />
                  </div>
                  <p>
                    <CsvLink href={addressOf('days', { ...key, days: 30, format: 'csv' })} />
                  </p>
                </>
              )}
            </Answered>
            <Failures {...key} />
            <Change key={peer} row={found} />
            <Rule {...key} />
            {direction === 'out' && isDomain(peer) && <Now key={peer} managed={managed} peer={peer} />}
          </>
        )}
      </Answered>
    </>
  );
}

/** Neither a wildcard nor what has no name. */
function isDomain(peer: string): boolean {
  return /^[^*(<]/.test(peer);
}

function Summary({ row }: { readonly row: PeerRow }) {
  const { month, week } = row;
  return (
    <dl class="facts">
      <Fact name="Rule">
        {row.name} {row.line > 0 && <code>{`${row.file}:${row.line}`}</code>}
      </Fact>
      <Fact name="Level">
        <Level of={row} />
      </Fact>
      <Fact name="Section of its own">
        {named(row.status)}
        {row.exemptUntil !== '' && `, exempt until ${row.exemptUntil} (UTC)`}
      </Fact>
      <Fact name="Messages">
        {number(week.messages)} in 7 days, {number(month.messages)} in 30
      </Fact>
      <Fact name="By TLS version">
        <Counts of={month.tls} />
      </Fact>
      <Fact name="Verified">
        <Counts of={month.verified} />
      </Fact>
      <Fact name="Failed">
        <Counts of={{ deferred: month.deferred, bounced: month.bounced, refused: month.refused }} />
      </Fact>
      {Object.keys(month.requiretls).length > 0 && (
        <Fact name="Asked for by senders">
          <Counts
            of={{
              REQUIRETLS: month.requiretls['required'] ?? 0,
              '“TLS-Required: No”': month.requiretls['no'] ?? 0,
              'not delivered': month.requiretls['failed'] ?? 0,
            }}
          />
        </Fact>
      )}
      <Fact name="Last seen">
        <DayUtc day={row.lastSeen} />
      </Fact>
      <Fact name="Stricter would have held">
        {Object.entries(row.above)
          .map(([level, holds]) => `${level}: ${named(holds)}`)
          .join(', ') || <span class="quiet">nothing to tell from</span>}
      </Fact>
    </dl>
  );
}

function Rule({
  managed,
  direction,
  peer,
}: {
  readonly managed: string;
  readonly direction: string;
  readonly peer: string;
}) {
  const isInbound = direction === 'in';
  const other = managed === '' ? 'unspecified.invalid' : managed;
  const isNetwork = /^[\d.]+(?:\/\d+)?$|:/.test(peer);
  const name = peer.startsWith('*.') ? `any${peer.slice(1)}` : peer;
  const explained = useAnswer<ExplainDocument>(
    'explain',
    isInbound
      ? {
          inbound: '1',
          from: isNetwork ? '<>' : name,
          to: other,
          ip: isNetwork ? peer.split('/')[0] : undefined,
        }
      : { offline: '1', from: managed === '' ? '<>' : managed, to: name },
  );
  return (
    <section>
      <h2>Why this rule</h2>
      <Answered of={explained}>
        {(found) =>
          found.kind === 'invalid' ? (
            <p class="problem">{found.failure?.text}</p>
          ) : (
            <>
              <ol class="candidates">
                {found.candidates?.map(({ name: section, place, outcome, why }) => (
                  <li key={section + place} class={outcome === 'wins' ? 'good' : ''}>
                    {section} <code>{place}</code>{' '}
                    {outcome === 'wins' ? 'applies' : <span class="quiet">{why}</span>}
                  </li>
                ))}
              </ol>
              <details>
                <summary>Every key, and where it is written</summary>
                <dl class="facts">
                  {found.keys?.map(({ key, value, origin }) => (
                    <Fact key={key} name={key}>
                      {valueText(value)} <code>{origin}</code>
                    </Fact>
                  ))}
                </dl>
              </details>
              <Problems of={found.warnings} />
            </>
          )
        }
      </Answered>
    </section>
  );
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(not set)' : value;
  if (Array.isArray(value) && value.length === 0) return '(none)';
  return JSON.stringify(value);
}
