/** Days as stacked bars, and the same numbers as a table. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useMedia } from './media';
import { named, number } from '../words';
import { classOf } from './basics';

export interface ChartDay {
  readonly day: string;
  readonly counts: Readonly<Record<string, number>>;
}

const height = 220;
const short = new Intl.NumberFormat('en', { notation: 'compact' });

export function StackedDays({
  title,
  days,
  names,
}: {
  readonly title: string;
  readonly days: readonly ChartDay[];
  readonly names: readonly string[];
}) {
  const at = useRef<HTMLDivElement>(null);
  const isDark = useDark();
  const seen = names.filter((name) => days.some(({ counts }) => (counts[name] ?? 0) > 0));
  const [shown, setShown] = useState<number | undefined>(undefined);
  useEffect(() => {
    const place = at.current;
    if (place === null || seen.length === 0) return undefined;
    const plot = new uPlot(optionsOf(place, days, seen, setShown), dataOf(days, seen), place);
    const observer = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify(days), seen.join(), isDark]);
  const total = (name: string) => days.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0);
  const day = shown === undefined ? undefined : days[shown];
  if (seen.length === 0)
    return (
      <figure>
        <figcaption>{title}</figcaption>
        <p class="quiet">nothing was counted</p>
      </figure>
    );
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <ul class="legend" aria-hidden="true">
        {seen.map((name) => (
          <li key={name}>
            <span class="mark" style={{ background: `var(--of-${classOf(name)}, var(--of-unknown))` }} />{' '}
            {named(name)} {number(day === undefined ? total(name) : (day.counts[name] ?? 0))}
          </li>
        ))}
        <li class="quiet">{day === undefined ? 'all days' : `${day.day} UTC`}</li>
      </ul>
      <div ref={at} class="chart" role="img" aria-label={`${title}: the numbers stand in the table below`} />
      <details>
        <summary>The numbers</summary>
        <div class="table" role="region" aria-label={`${title}, numbers`} tabIndex={0}>
          <table class="numbers">
            <thead>
              <tr>
                <th scope="col">day (UTC)</th>
                {seen.map((name) => (
                  <th key={name} scope="col" class="number">
                    {named(name)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {days.map(({ day: name, counts }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {seen.map((one) => (
                    <td key={one} class="number">
                      {number(counts[one] ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** Each series on top of those before it; the highest is drawn first, and the others over it. */
function dataOf(days: readonly ChartDay[], names: readonly string[]): uPlot.AlignedData {
  const stacked = names.map((_, last) =>
    days.map(({ counts }) => names.slice(0, last + 1).reduce((sum, name) => sum + (counts[name] ?? 0), 0)),
  );
  return [days.map(({ day }) => Date.parse(day) / 1000), ...stacked.reverse()];
}

function optionsOf(
  place: HTMLElement,
  days: readonly ChartDay[],
  names: readonly string[],
  show: (at: number | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 0 });
  const axis = {
    stroke: color('text-quiet'),
    grid: { stroke: color('line') },
    ticks: { stroke: color('line') },
  };
  const span =
    days.length > 1 ? (Date.parse(days[1]?.day ?? '') - Date.parse(days[0]?.day ?? '')) / 1000 : 86_400;
  return {
    width: place.clientWidth,
    height,
    // Days of the record are days in UTC.
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { range: (_, min, max) => [min - span / 2, max + span / 2] },
      y: { range: (_, __, max) => [0, Math.max(1, max)] },
    },
    axes: [
      { ...axis, values: (_, splits) => splits.map((at) => new Date(at * 1000).toISOString().slice(5, 10)) },
      { ...axis, size: 60, values: (_, splits) => splits.map((value) => short.format(value)) },
    ],
    series: [
      {},
      ...[...names].reverse().map((name) => ({
        label: named(name),
        fill: color(`of-${classOf(name)}`) || color('of-unknown'),
        stroke: color(`of-${classOf(name)}`) || color('of-unknown'),
        width: 0,
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      })),
    ],
    hooks: { setCursor: [(plot) => show(plot.cursor.idx ?? undefined)] },
  };
}

function useDark(): boolean {
  return useMedia('(prefers-color-scheme: dark)');
}
