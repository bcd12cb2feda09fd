/** Small parts that every view uses. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Loaded } from '../api';
import { away, named, number, percent, time, versions } from '../words';

export function Answered<T>({
  of,
  children,
}: {
  readonly of: Loaded<T>;
  readonly children: (value: T, isStale: boolean) => ComponentChildren;
}) {
  if (of.kind === 'loading') return <p class="loading">Loading …</p>;
  if (of.kind === 'failed')
    return (
      <p class="problem" role="alert">
        {of.message}
      </p>
    );
  return <>{children(of.value, of.isStale)}</>;
}

export function Problems({ of }: { readonly of: readonly string[] }) {
  if (of.length === 0) return null;
  return (
    <ul class="problem">
      {of.map((one) => (
        <li key={one}>{one}</li>
      ))}
    </ul>
  );
}

/** What went, by TLS version, as a bar. The numbers stand beside it for those who do not see it. */
export function VersionBar({ tls }: { readonly tls: Readonly<Record<string, number>> }) {
  const seen = versions
    .map((version) => [version, tls[version] ?? 0] as const)
    .filter(([, count]) => count > 0);
  const total = seen.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return <span class="quiet">–</span>;
  const text = seen.map(([version, count]) => `${named(version)} ${number(count)}`).join(', ');
  return (
    <span class="bar" role="img" aria-label={text} title={text}>
      {seen.map(([version, count]) => (
        <span key={version} style={{ flexGrow: count, background: `var(--of-${classOf(version)})` }} />
      ))}
    </span>
  );
}

export function classOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

export function Counts({ of }: { readonly of: Readonly<Record<string, number>> }) {
  const entries = Object.entries(of).filter(([, count]) => count > 0);
  if (entries.length === 0) return <span class="quiet">–</span>;
  return <>{entries.map(([name, count]) => `${named(name)} ${number(count)}`).join(', ')}</>;
}

export function Share({ part, of }: { readonly part: number; readonly of: number }) {
  if (of === 0) return <span class="quiet">–</span>;
  return <span class={part > 0 ? 'warn' : 'good'}>{percent(part, of)}</span>;
}

export function Time({ iso }: { readonly iso: string }) {
  if (iso === '') return <span class="quiet">–</span>;
  return (
    <time dateTime={iso} title={iso}>
      {time(iso)} <span class="quiet">({away(iso)})</span>
    </time>
  );
}

/** A day of the record is one in UTC. */
export function DayUtc({ day }: { readonly day: string }) {
  return day === '' ? (
    <span class="quiet">never</span>
  ) : (
    <time class="day" dateTime={day}>
      {day} UTC
    </time>
  );
}

export function Level({
  of,
}: {
  readonly of:
    { readonly level: string; readonly minTlsVersion: string; readonly enforcement: string } | undefined;
}) {
  if (of === undefined || of.level === '') return <span class="bad">not valid</span>;
  const minimum = /^\d/.test(of.minTlsVersion) ? `, TLS ${of.minTlsVersion}+` : '';
  return (
    <>
      <span class="level">{of.level}</span>
      {minimum}
      {of.enforcement === 'monitor' && <span class="warn"> (only watched)</span>}
    </>
  );
}

export function CsvLink({ href }: { readonly href: string }) {
  return (
    <a class="csv" href={href} download>
      CSV
    </a>
  );
}

export function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Text to be taken over. */
export function CopyText({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState('');
  const at = useRef<HTMLPreElement>(null);
  const copy = (): void => {
    const done = (): void => setCopied('copied');
    const failed = (): void => {
      // Not over plain HTTP: then it is selected, and the keyboard copies it.
      const range = document.createRange();
      if (at.current !== null) range.selectNodeContents(at.current);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
      setCopied('selected: copy it with the keyboard');
    };
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard === undefined) failed();
    else clipboard.writeText(text).then(done, failed);
  };
  return (
    <div class="copy">
      <pre ref={at} tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <button type="button" onClick={copy}>
        Copy
      </button>
      <span role="status">{copied}</span>
    </div>
  );
}

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly isNumber?: boolean;
}

/** A short table. On a phone each row stands by itself, with the names of the columns beside the values. */
export function Table<Row>({
  caption,
  columns,
  rows,
  csv,
  empty,
}: {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly csv?: string;
  readonly empty: string;
}) {
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <div class="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>
          {caption} {csv !== undefined && <CsvLink href={csv} />}
        </caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" class={isNumber === true ? 'number' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {columns.map(({ name, cell, isNumber }) => (
                <td key={name} data-name={name} class={isNumber === true ? 'number' : ''}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
