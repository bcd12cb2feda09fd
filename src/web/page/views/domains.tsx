/** The managed domains, and everything else. */
import { addressOf, useAnswer } from '../api';
import { Answered, Level, Problems, Share, Table, Time } from '../parts/basics';
import { linkTo } from '../route';
import type { DomainRow, DomainsDocument } from '../shapes';
import { domainName, number } from '../words';

export function Domains() {
  const found = useAnswer<DomainsDocument>('domains', {}, 60_000);
  return (
    <>
      <h1>Domains</h1>
      <Answered of={found}>
        {({ domains, unspecified, problems, days }) => (
          <>
            <Problems of={problems} />
            <Table
              caption={`Managed domains, and unspecified domains; messages of ${days} days`}
              rows={[...domains, unspecified]}
              empty=""
              csv={addressOf('domains', { format: 'csv' })}
              columns={[
                { name: 'domain', cell: (row) => <Name row={row} /> },
                { name: 'outbound default', cell: ({ outbound }) => <Level of={outbound} /> },
                { name: 'inbound default', cell: ({ inbound }) => <Level of={inbound} /> },
                { name: 'peers out', cell: (row) => <PeersLink row={row} direction="out" />, isNumber: true },
                { name: 'peers in', cell: (row) => <PeersLink row={row} direction="in" />, isNumber: true },
                { name: 'sent', cell: ({ month }) => number(month.out.messages), isNumber: true },
                {
                  name: 'sent in cleartext',
                  cell: ({ month }) => <Share part={month.out.tls['none'] ?? 0} of={month.out.messages} />,
                  isNumber: true,
                },
                {
                  name: 'received in cleartext',
                  cell: ({ month }) => <Share part={month.in.tls['none'] ?? 0} of={month.in.messages} />,
                  isNumber: true,
                },
                { name: 'published policy', cell: ({ policy }) => <Policy of={policy} /> },
              ]}
            />
            {domains.length === 0 && (
              <p>
                No domain is managed: each has a file <code>tls-peers/DOMAIN.ini</code> of its own in Haraka's
                config directory.
              </p>
            )}
          </>
        )}
      </Answered>
    </>
  );
}

function Name({ row }: { readonly row: DomainRow }) {
  return (
    <>
      <strong>{domainName(row.domain)}</strong>
      {row.status !== 'enabled' && (
        <span class={row.status === 'invalid' ? 'bad' : 'warn'}> {row.status}</span>
      )}
      <div class="quiet">{row.fault === '' ? row.comment : row.fault}</div>
    </>
  );
}

function PeersLink({ row, direction }: { readonly row: DomainRow; readonly direction: 'out' | 'in' }) {
  const which = `peers of ${domainName(row.domain)}, ${direction === 'out' ? 'outbound' : 'inbound'}`;
  return (
    <a
      href={linkTo('peers', { managed: row.domain, direction })}
      aria-label={`${number(row.peers[direction])} ${which}`}
    >
      {number(row.peers[direction])}
    </a>
  );
}

function Policy({ of }: { readonly of: DomainRow['policy'] }) {
  if (of === undefined) return <span class="quiet">none</span>;
  return (
    <>
      {of.mode} <code>{of.id}</code>
      {of.certificate !== undefined && (
        <div class="quiet">
          certificate until <Time iso={of.certificate.validTo} />
        </div>
      )}
      {of.problems.map((problem) => (
        <div key={problem} class="bad">
          {problem}
        </div>
      ))}
    </>
  );
}
