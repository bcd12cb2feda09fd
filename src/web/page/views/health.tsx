/** Whether the resolver validates, the files are in order, and the record is written. */
import { useAnswer } from '../api';
import { Answered, Fact, Table, Time } from '../parts/basics';
import type { Finding, Status } from '../shapes';

export function Health() {
  const status = useAnswer<Status>('status', {}, 15_000);
  const lint = useAnswer<{ faults: readonly Finding[]; warnings: readonly Finding[] }>('lint', {}, 60_000);
  return (
    <>
      <h1>Health</h1>
      <Answered of={status}>
        {(found) => (
          <>
            {found.configuration !== '' && (
              <p class="problem" role="alert">
                All mail is held back: {found.configuration}
              </p>
            )}
            {found.faults.length > 0 && (
              <p class="problem">
                The files have faults; the last good settings stay in force: {found.faults.join('; ')}
              </p>
            )}
            <dl class="facts">
              {found.resolver.map(({ server, kind, text }) => (
                <Fact key={server} name={`Resolver ${server}`}>
                  <span class={kind === 'validates' ? 'good' : 'warn'}>{text}</span>
                </Fact>
              ))}
              <Fact name="Found out">
                <Time iso={found.probedAt} />
              </Fact>
              <Fact name="Record">
                {found.evidence.enabled
                  ? `kept for ${found.evidence.days} days`
                  : 'switched off: nothing is counted'}
              </Fact>
              <Fact name="Answered by">
                process {found.pid}, <Time iso={found.now} />
              </Fact>
            </dl>
          </>
        )}
      </Answered>
      <Answered of={lint}>
        {({ faults, warnings }) => (
          <>
            <Findings caption="Faults in the files" rows={faults} empty="No fault in the files." />
            <Findings
              caption="What is probably not meant"
              rows={warnings}
              empty="Nothing that is probably not meant."
            />
          </>
        )}
      </Answered>
    </>
  );
}

function Findings({
  caption,
  rows,
  empty,
}: {
  readonly caption: string;
  readonly rows: readonly Finding[];
  readonly empty: string;
}) {
  return (
    <Table
      caption={caption}
      rows={rows}
      empty={empty}
      columns={[
        { name: 'where', cell: ({ file, line }) => <code>{line === null ? file : `${file}:${line}`}</code> },
        { name: 'section', cell: ({ section }) => section },
        { name: 'key', cell: ({ key, value }) => (key === '' ? '' : `${key} = ${value}`) },
        { name: 'problem', cell: ({ problem }) => problem },
      ]}
    />
  );
}
