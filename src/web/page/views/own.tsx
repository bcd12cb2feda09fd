/** Certificates and policies of our own, and the policies of others that are kept. */
import { addressOf, useAnswer } from '../api';
import { Answered, Problems, Table, Time } from '../parts/basics';
import type { DomainsDocument, OwnCertificate, StoredPolicy } from '../shapes';

const uses: Readonly<Record<string, string>> = { smtp: 'SMTP', policy: 'policy host', page: 'this page' };

export function Own() {
  const certificates = useAnswer<{ certificates: readonly OwnCertificate[]; problems: readonly string[] }>(
    'certificates',
  );
  const domains = useAnswer<DomainsDocument>('domains');
  const stored = useAnswer<readonly StoredPolicy[]>('policies');
  return (
    <>
      <h1>Certificates and policies</h1>
      <Answered of={certificates}>
        {(found) => (
          <>
            <Problems of={found.problems} />
            <Table
              caption="Certificates of our own"
              rows={found.certificates}
              empty="No certificate was found in tls.ini, config/tls or [hosting]."
              csv={addressOf('certificates', { format: 'csv' })}
              columns={[
                { name: 'for', cell: ({ use }) => uses[use] ?? use },
                { name: 'name', cell: ({ name }) => name },
                { name: 'names in it', cell: ({ names }) => names },
                { name: 'issuer', cell: ({ issuer }) => issuer },
                { name: 'valid from', cell: ({ validFrom }) => <Time iso={validFrom} /> },
                {
                  name: 'valid until',
                  cell: ({ validTo }) => (
                    <span class={endClass(validTo)}>
                      <Time iso={validTo} />
                    </span>
                  ),
                },
              ]}
            />
          </>
        )}
      </Answered>
      <Answered of={domains}>
        {({ domains: rows }) => (
          <Table
            caption="Policies that we publish"
            rows={rows.flatMap(({ policy }) => (policy === undefined ? [] : [policy]))}
            empty="No managed domain publishes a policy."
            columns={[
              { name: 'domain', cell: ({ domain }) => domain },
              { name: 'mode', cell: ({ mode }) => mode },
              { name: 'id', cell: ({ id }) => <code>{id}</code> },
              { name: 'MX hosts', cell: ({ mx }) => mx.join(', ') },
              { name: 'kept by senders for', cell: ({ maxAge }) => `${Math.round(maxAge / 8640) / 10} days` },
              {
                name: 'certificate until',
                cell: ({ certificate }) => <Time iso={certificate?.validTo ?? ''} />,
              },
              { name: 'problems', cell: ({ problems }) => problems.join('; ') },
            ]}
          />
        )}
      </Answered>
      <Answered of={stored}>
        {(rows) => (
          <Table
            caption="Policies of others that are kept"
            rows={rows.slice(0, 500)}
            empty="No policy of another domain is kept."
            csv={addressOf('policies', { format: 'csv' })}
            columns={[
              { name: 'domain', cell: ({ domain }) => domain },
              { name: 'mode', cell: ({ policy }) => policy.mode },
              { name: 'id', cell: ({ id }) => <code>{id}</code> },
              { name: 'MX hosts', cell: ({ policy }) => policy.mx.join(', ') },
              { name: 'fetched', cell: ({ fetched }) => <Time iso={fetched} /> },
              { name: 'expires', cell: ({ expires }) => <Time iso={expires} /> },
            ]}
          />
        )}
      </Answered>
    </>
  );
}

const fortnight = 14 * 86_400_000;

function endClass(iso: string): string {
  const left = Date.parse(iso) - Date.now();
  return left < 0 ? 'bad' : left < fortnight ? 'warn' : '';
}
