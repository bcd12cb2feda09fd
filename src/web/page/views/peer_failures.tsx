/** The last failures with this peer, in the words in which they were met. */
import { useAnswer } from '../api';
import { Table, Time } from '../parts/basics';
import type { FailuresDocument } from '../shapes';

export function Failures(key: {
  readonly managed: string;
  readonly direction: string;
  readonly peer: string;
}) {
  const found = useAnswer<FailuresDocument>('failures', key, 60_000);
  if (found.kind !== 'there' || found.value.failures.length === 0) return null;
  return (
    <Table
      caption="Last failures"
      rows={found.value.failures}
      empty=""
      columns={[
        { name: 'when', cell: ({ at }) => <Time iso={at} /> },
        { name: 'outcome', cell: ({ outcome }) => outcome },
        { name: 'host', cell: ({ host }) => host },
        { name: 'reason', cell: ({ reason }) => reason },
        { name: 'text', cell: ({ text }) => text },
      ]}
    />
  );
}
