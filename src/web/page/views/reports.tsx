/** TLS reports: what others say of the managed domains, and what became of those to others. */
import { addressOf, useAnswer } from '../api';
import { Answered, Counts, DayUtc, Problems, Table } from '../parts/basics';
import type { ReceivedDocument, ReportsDocument } from '../shapes';
import { named, number } from '../words';

/** Rows that are shown; the CSV has them all. */
const most = 500;

export function Reports() {
  const received = useAnswer<ReceivedDocument>('received', { top: most });
  const sent = useAnswer<ReportsDocument>('reports', { top: most });
  return (
    <>
      <h1>TLS reports</h1>
      <Answered of={received}>{(found) => <Received {...found} />}</Answered>
      <Answered of={sent}>{(found) => <Sent {...found} />}</Answered>
    </>
  );
}

function Received({ receives, gates, rows, reports, problems }: ReceivedDocument) {
  if (!receives)
    return (
      <p class="quiet">
        No reports are read: <code>[tls_reports] receive</code> names no address.
      </p>
    );
  return (
    <>
      <Problems of={problems} />
      <p>Reports of others that are kept: {number(reports)}</p>
      <Table
        caption="What they say of our policies"
        rows={gates}
        empty="No managed domain publishes a policy."
        columns={[
          { name: 'domain', cell: ({ domain }) => domain },
          {
            name: 'policy',
            cell: ({ kind, text }) => (
              <span class={kind === 'failing' ? 'bad' : kind === 'safe' ? 'good' : ''}>{text}</span>
            ),
          },
        ]}
      />
      <Table
        caption="What others report"
        rows={rows}
        empty="No report has come yet."
        csv={addressOf('received', { format: 'csv' })}
        columns={[
          { name: 'domain', cell: ({ managed }) => managed },
          {
            name: 'reporter',
            cell: ({ reporter, standing }) =>
              standing === 'trusted' ? reporter : <span class="quiet">{reporter} (unverified)</span>,
          },
          { name: 'policy', cell: ({ policy }) => policy },
          { name: 'MX host', cell: ({ mxHost }) => mxHost },
          { name: 'sessions', cell: ({ sessions }) => number(sessions), isNumber: true },
          {
            name: 'result',
            cell: ({ result, meaning }) => (
              <span class={result === 'success' ? 'good' : 'bad'}>
                {result === 'success' ? 'good' : `${result}: ${meaning}`}
              </span>
            ),
          },
          { name: 'last seen', cell: ({ lastSeen }) => <DayUtc day={lastSeen.slice(0, 10)} /> },
        ]}
      />
    </>
  );
}

const bad = new Set(['given_up', 'refused']);

function Sent({ sends, states, reports, problems }: ReportsDocument) {
  if (!sends)
    return (
      <p class="quiet">
        No reports are sent: <code>[tls_reports]</code> has no organization, contact and from.
      </p>
    );
  return (
    <>
      <Problems of={problems} />
      <p>
        To others, of the days that are remembered: <Counts of={states} />
      </p>
      <Table
        caption="Reports to others"
        rows={reports}
        empty="Nothing was counted yet, and no report was sent."
        csv={addressOf('reports', { format: 'csv' })}
        columns={[
          { name: 'day', cell: ({ day }) => <DayUtc day={day} /> },
          { name: 'domain', cell: ({ domain }) => domain },
          {
            name: 'sessions that met the policy',
            cell: ({ successful }) => (successful === undefined ? '' : number(successful)),
            isNumber: true,
          },
          {
            name: 'that did not',
            cell: ({ failed }) => (failed === undefined ? '' : number(failed)),
            isNumber: true,
          },
          { name: 'to', cell: ({ destination }) => destination },
          {
            name: 'state',
            cell: ({ state }) => <span class={bad.has(state) ? 'bad' : ''}>{named(state)}</span>,
          },
          { name: 'why', cell: ({ text }) => text },
        ]}
      />
    </>
  );
}
