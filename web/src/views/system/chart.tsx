// One chart over the last hour.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { language } from '../../i18n/current.ts';
import { KEPT_S } from './history.ts';

export type Line = {
  readonly name: string;
  readonly values: readonly (number | null)[];
};

type ChartProps = {
  readonly title: string;
  readonly at_s: readonly number[];
  readonly lines: readonly Line[];
  /** The top of the scale; what is there decides where it is not given. */
  readonly top?: number;
  readonly words: (value: number) => string;
};

const HEIGHT_PX = 150;
const LEAST_S = 300;
const COLOURS = 6;
const time = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });

/** Without news for so long, nothing is known of what was in between. */
const HOLE_S = 30;

/** A pause of the page is a hole, and not a straight line. */
function withHoles(at_s: readonly number[], lines: readonly (readonly (number | null)[])[]): uPlot.AlignedData {
  const times: number[] = [];
  const values: (number | null)[][] = lines.map(() => []);
  at_s.forEach((now, at) => {
    const before = times.at(-1);
    if (before !== undefined && now - before > HOLE_S) {
      times.push(before + 1);
      values.forEach((list) => list.push(null));
    }
    times.push(now);
    values.forEach((list, line) => list.push(lines[line]?.[at] ?? null));
  });
  return [times, ...values];
}

/** The colour of a line; more cameras than colours begin again with dashes. */
export function colour(at: number): string {
  return `var(--line-${(at % COLOURS) + 1})`;
}

export function Chart({ title, at_s, lines, top, words }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const format = useRef(words);
  format.current = words;
  const names = lines.map(({ name }) => name).join('\n');
  useEffect(() => {
    const box = place.current;
    if (box === null) {
      return;
    }
    const style = (name: string): string => getComputedStyle(box).getPropertyValue(name).trim();
    const axis = { stroke: () => style('--soft'), grid: { stroke: () => style('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
    const drawn = new uPlot({
      width: Math.max(1, box.clientWidth),
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        // A new chart begins with some minutes, and grows to an hour.
        x: { time: true, range: (_, from, to) => [Math.max(to - KEPT_S, Math.min(from, to - LEAST_S)), to] },
        y: { range: (_, _from, most) => [0, top ?? Math.max(1, (Number.isFinite(most) ? most : 0) * 1.15)] },
      },
      axes: [
        { ...axis, values: (_, splits) => splits.map((s) => time.format(s * 1000)), space: 70, size: 26 },
        { ...axis, values: (_, splits) => splits.map((value) => format.current(value)), size: 62, space: 34 },
      ],
      series: [
        {},
        ...lines.map(({ name }, at) => ({
          label: name,
          stroke: () => style(`--line-${(at % COLOURS) + 1}`),
          width: 2,
          ...(at >= COLOURS ? { dash: [6, 4] } : {}),
          points: { show: false },
          spanGaps: false,
        })),
      ],
    }, [[], ...lines.map(() => [])], box);
    plot.current = drawn;
    const resized = new ResizeObserver(() => { drawn.setSize({ width: Math.max(1, box.clientWidth), height: HEIGHT_PX }); });
    resized.observe(box);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => { drawn.redraw(false, true); };
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [names, top]);
  useEffect(() => {
    plot.current?.setData(withHoles(at_s, lines.map(({ values }) => values)));
  });
  return (
    <figure class="chart card">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {lines.map(({ name, values }, at) => {
            const now = values.at(-1) ?? null;
            return (
              <li key={name}>
                <span class={at >= COLOURS ? 'legend-line dashed' : 'legend-line'} style={{ borderColor: colour(at) }} aria-hidden="true" />
                {name} <strong>{now === null ? '–' : words(now)}</strong>
              </li>
            );
          })}
        </ul>
      </figcaption>
      <div ref={place} class="chart-place" aria-hidden="true" />
    </figure>
  );
}
