/** What DNS and the policy say now, and what the hosts do: asked for by buttons, for it goes out to others. */
import { useState } from 'preact/hooks';
import { act, ask } from '../api';
import { Fact, Table } from '../parts/basics';
import type { ExplainDocument, TestReport } from '../shapes';

export function Now({ managed, peer }: { readonly managed: string; readonly peer: string }) {
  const [explained, setExplained] = useState<ExplainDocument | string>('');
  const [tested, setTested] = useState<readonly TestReport[] | string>('');
  const from = managed === '' ? '<>' : managed;
  const run = <T,>(work: Promise<T>, set: (value: T | string) => void): void => {
    set('Asking …');
    work.then(set, (error: unknown) => set(error instanceof Error ? error.message : String(error)));
  };
  return (
    <section>
      <h2>Now</h2>
      <p class="buttons">
        <button
          type="button"
          onClick={() => run(ask<ExplainDocument>('explain', { from, to: peer }), setExplained)}
        >
          Ask DNS and the policy
        </button>
        <button
          type="button"
          id="test"
          onClick={() => run(act<readonly TestReport[]>('test', { domain: peer, from: managed }), setTested)}
        >
          Test the hosts
        </button>
        <span class="quiet">The test connects, and stops before the envelope.</span>
      </p>
      <div aria-live="polite">
        {typeof explained === 'string' ? <p>{explained}</p> : <Explained of={explained} />}
        {typeof tested === 'string' ? <p>{tested}</p> : tested.map((one, at) => <Tested key={at} of={one} />)}
      </div>
    </section>
  );
}

function Explained({ of }: { readonly of: ExplainDocument }) {
  const { decision, sts, resolver = [], haraka = [], warnings } = of;
  return (
    <dl class="facts">
      {resolver.map((line) => (
        <Fact key={line} name="DNSSEC">
          {line}
        </Fact>
      ))}
      <Fact name="MTA-STS">
        {sts?.policy === undefined
          ? (sts?.kind ?? '').replaceAll('_', ' ')
          : `${sts.policy.mode}, id ${sts.id ?? ''}`}
      </Fact>
      {decision?.kind === 'deliver' ? (
        <>
          {decision.hosts?.map(({ host, addresses, discovered, requirement }) => (
            <Fact key={host} name={host}>
              {requirement.kind.replaceAll('_', ' ')}; {discovered} <code>{addresses.join(' ')}</code>
            </Fact>
          ))}
          {decision.refused?.map(({ host, failure }) => (
            <Fact key={host} name={host}>
              <span class="bad">
                refused: {failure.reason}: {failure.text}
              </span>
            </Fact>
          ))}
        </>
      ) : (
        <Fact name="Decision">
          <span class="bad">
            {decision?.kind}: {decision?.failure?.reason} {decision?.failure?.text}
          </span>
        </Fact>
      )}
      {[...haraka, ...warnings].map((line) => (
        <Fact key={line} name="Beside">
          {line}
        </Fact>
      ))}
    </dl>
  );
}

function Tested({ of }: { readonly of: TestReport }) {
  return (
    <div class="tested">
      <p class={of.goes ? 'good' : 'bad'}>{of.goes ? 'A message would go.' : 'A message would not go.'}</p>
      {of.problems.map(({ host, reason, text }) => (
        <p key={host + reason} class="bad">
          {host} {reason}: {text}
        </p>
      ))}
      <Table
        caption="Hosts"
        rows={of.attempts}
        empty="No host was tried."
        columns={[
          { name: 'host', cell: ({ host, address }) => `${host} [${address}]` },
          { name: 'held to', cell: ({ requirement }) => requirement },
          {
            name: 'TLS',
            cell: ({ tlsVersion, cipher }) => (tlsVersion === '' ? '–' : `${tlsVersion} ${cipher}`),
          },
          {
            name: 'certificate',
            cell: ({ names, expires }) => (names === '' ? '–' : `${names}, until ${expires}`),
          },
          {
            name: 'verdict',
            cell: ({ verdict }) =>
              verdict.kind === 'goes' ? (
                <span class="good">goes ({verdict.verified})</span>
              ) : (
                <span class="bad">
                  {verdict.kind === 'refused'
                    ? `refused: ${verdict.failure.reason}: ${verdict.failure.text}`
                    : `not reached: ${verdict.problem}`}
                </span>
              ),
          },
        ]}
      />
    </div>
  );
}
