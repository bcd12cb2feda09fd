/** What another level or version would have done to the messages of 30 days, and the section that would say so. */
import { useState } from 'preact/hooks';
import { useAnswer } from '../api';
import { Answered, Counts, CopyText } from '../parts/basics';
import type { ImpactDocument, PeerRow } from '../shapes';
import { named, number } from '../words';

const levels = {
  out: ['opportunistic', 'mandatory', 'verify', 'opportunistic_dane', 'mandatory_dane', 'mta_sts', 'auto'],
  in: ['opportunistic', 'mandatory'],
} as const;

const minimums = ['', 'none', '1.2', '1.3'] as const;

export function Change({ row }: { readonly row: PeerRow }) {
  const { managed, direction, peer } = row;
  const [level, setLevel] = useState(row.level);
  const [minimum, setMinimum] = useState<string>(
    /^\d|^none$/.test(row.minTlsVersion) && row.line > 0 ? row.minTlsVersion : '',
  );
  const sets = [`security_level=${level}`, ...(minimum === '' ? [] : [`min_tls_version=${minimum}`])];
  const impact = useAnswer<ImpactDocument>('impact', {
    managed,
    direction,
    peer,
    days: 30,
    top: 1,
    set: sets,
  });
  if (peer.startsWith('(') || peer === '<>') return null;
  return (
    <section>
      <h2>What a change would do</h2>
      <div class="change">
        <Radios
          name="security_level"
          of={levels[direction]}
          value={level}
          inForce={row.level}
          onChange={setLevel}
        />
        <Radios
          name="min_tls_version"
          of={minimums}
          value={minimum}
          inForce={row.minTlsVersion}
          onChange={setMinimum}
        />
      </div>
      <div aria-live="polite" id="impact">
        <Answered of={impact}>{(found, isStale) => <Impact of={found} isStale={isStale} />}</Answered>
      </div>
      <p>
        In <code>{managed === '' ? 'tls-peers.ini' : `tls-peers/${managed}.ini`}</code>:
      </p>
      <CopyText label="The section for this change" text={sectionOf(row, level, minimum)} />
    </section>
  );
}

function sectionOf({ direction, peer }: PeerRow, level: string, minimum: string): string {
  return [
    `[${direction === 'out' ? 'outbound' : 'inbound'} ${peer}]`,
    `security_level = ${level}`,
    ...(minimum === '' ? [] : [`min_tls_version = ${minimum}`]),
    '',
  ].join('\n');
}

function Radios({
  name,
  of,
  value,
  inForce,
  onChange,
}: {
  readonly name: string;
  readonly of: readonly string[];
  readonly value: string;
  readonly inForce: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <fieldset>
      <legend>{name}</legend>
      {of.map((one) => (
        <label key={one}>
          <input
            type="radio"
            name={name}
            value={one}
            checked={one === value}
            onChange={() => onChange(one)}
          />{' '}
          {one === '' ? 'not set' : one}
          {one === inForce && <span class="quiet"> (in force)</span>}
        </label>
      ))}
    </fieldset>
  );
}

function Impact({ of, isStale }: { readonly of: ImpactDocument; readonly isStale: boolean }) {
  const { messages, refused, weakened, released, notKnown, reasons, missing } = of.total;
  const lines = [
    ['would be refused', refused, 'bad', reasons],
    ['would go in cleartext instead of TLS', weakened, 'bad', {}],
    ['would be let go, that a rule held up', released, 'good', {}],
    ['not known', notKnown, 'warn', missing],
  ] as const;
  const changed = lines.filter(([, count]) => count > 0);
  return (
    <div class={isStale ? 'stale' : ''}>
      {messages === 0 ? (
        <p class="quiet">
          This changes nothing for what was counted from {of.from} to {of.to}.
        </p>
      ) : (
        <p>
          Of {number(messages)} messages from {of.from} to {of.to} (UTC):{' '}
          {changed.length === 0 && <strong class="good">all would fare as they did.</strong>}
        </p>
      )}
      <ul>
        {changed.map(([what, count, kind, why]) => (
          <li key={what} class={kind}>
            <strong>{number(count)}</strong> {what}
            {Object.keys(why).length > 0 && (
              <span class="quiet">
                {' '}
                (<Counts of={Object.fromEntries(Object.entries(why).map(([name, n]) => [named(name), n]))} />)
              </span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
