// How busy machine and server are: now, and over the last hour.

import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';

import '../people/people.css';
import './page.css';

import type { Board, CameraCount, Space, System } from '../../api/system.ts';
import { href } from '../../app/router.ts';
import { language, t as shell } from '../../i18n/current.ts';
import { duration } from '../../i18n/duration.ts';
import { bytes } from '../../kit/bytes.ts';
import { type Column, Empty, Sheet, Table, Trouble, Waiting } from '../../kit/pieces.tsx';
import { Chart } from './chart.tsx';
import type { Point } from './history.ts';
import { t } from './messages.ts';
import { failure, follow, latest, look, points } from './sampler.ts';

const percent = (value: number): string => `${value.toLocaleString(language, { maximumFractionDigits: value < 10 ? 1 : 0 })} %`;
const rate = (value: number): string => value.toFixed(1);
const degrees = (value: number): string => `${value.toFixed(0)} °C`;
const whole = (value: number): string => (Number.isInteger(value) ? String(value) : '');

export default function SystemView(): VNode {
  useEffect(follow, []);
  const now = latest.value;
  if (now === null) {
    return (
      <Sheet title={t.title}>
        {failure.value === null ? <Waiting /> : <Trouble failure={failure.value} again={() => void look()} />}
      </Sheet>
    );
  }
  const { system, cameras } = now;
  return (
    <Sheet title={t.title} actions={<span class="soft">{t.version(system.version)}</span>}>
      {failure.value === null ? null : <Trouble failure={failure.value} again={() => void look()} />}
      <Figures system={system} last={points.value.at(-1)} />
      <Charts cameras={cameras} all={points.value} hasTemperature={system.board?.temperature_c != null} />
      <p class="soft">{t.collecting}</p>
      <section class="section" aria-labelledby="cameras">
        <h2 id="cameras" class="section-title">{t.cameras}</h2>
        <Cameras cameras={cameras} last={points.value.at(-1)} />
      </section>
    </Sheet>
  );
}

function Figures({ system, last }: { system: System; last: Point | undefined }): VNode {
  const { processor, memory, disk, board } = system;
  const space = (of: Space | null): string | undefined => (of === null ? undefined : t.free(bytes(of.available_bytes), bytes(of.total_bytes)));
  const used = (of: Space | null): string =>
    (of === null || of.total_bytes === 0 ? t.unknown : percent((100 * (of.total_bytes - of.available_bytes)) / of.total_bytes));
  const isScarce = (of: Space | null): boolean => of !== null && of.available_bytes < of.total_bytes * 0.05;
  const warmth = board?.temperature_c ?? null;
  const power = powerOf(board);
  return (
    <dl class="figures">
      <Figure name={t.processor} value={last?.machine == null ? '–' : percent(last.machine)} more={processor === null ? undefined : t.cores(processor.cores)} />
      <Figure name={t.memory} value={used(memory)} more={space(memory)} tone={isScarce(memory) ? 'warn' : undefined} />
      <Figure name={t.disk} value={used(disk)} more={space(disk)} tone={isScarce(disk) ? 'bad' : undefined} />
      {warmth === null ? null : <Figure name={t.temperature} value={degrees(warmth)} tone={warmth >= 80 ? 'bad' : undefined} />}
      {power === null ? null : <Figure name={t.power} value={power.words} more={power.tone === 'good' ? undefined : t.powerAdvice} tone={power.tone} />}
      <Figure name={t.server} value={bytes(system.process.resident_bytes)} more={last?.server == null ? undefined : `${t.processor} ${percent(last.server)}`} />
      <Figure name={t.uptime} value={duration(system.uptime_s * 1000, shell)} />
    </dl>
  );
}

type Tone = 'good' | 'warn' | 'bad';

/** What the board says of its power; none where it says nothing. */
function powerOf(board: Board | null): { readonly words: string; readonly tone: Tone } | null {
  if (board?.under_voltage_now == null) {
    return null;
  }
  if (board.under_voltage_now) {
    return { words: t.powerLow, tone: 'bad' };
  }
  if (board.throttled_now === true) {
    return { words: t.throttled, tone: 'bad' };
  }
  if (board.under_voltage_since_boot === true) {
    return { words: t.powerWasLow, tone: 'warn' };
  }
  return board.throttled_since_boot === true ? { words: t.wasThrottled, tone: 'warn' } : { words: t.powerGood, tone: 'good' };
}

type FigureProps = { name: string; value: string; more?: string | undefined; tone?: Tone | undefined };

function Figure({ name, value, more, tone }: FigureProps): VNode {
  return (
    <div class="figure card" data-tone={tone}>
      <dt>{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        {more === undefined ? null : <span class="soft">{more}</span>}
      </dd>
    </div>
  );
}

function Charts({ cameras, all, hasTemperature }: { cameras: readonly CameraCount[]; all: readonly Point[]; hasTemperature: boolean }): VNode {
  const at_s = all.map((point) => point.at_s);
  const of = (read: (point: Point) => number | null): (number | null)[] => all.map(read);
  return (
    <div class="charts">
      <Chart
        title={t.processor}
        at_s={at_s}
        top={100}
        words={percent}
        lines={[
          { name: t.machine, values: of(({ machine }) => machine) },
          { name: t.server, values: of(({ server }) => server) },
        ]}
      />
      <Chart title={t.memory} at_s={at_s} top={100} words={percent} lines={[{ name: t.machine, values: of(({ memory }) => memory) }]} />
      {hasTemperature
        ? <Chart title={t.temperature} at_s={at_s} top={100} words={degrees} lines={[{ name: t.machine, values: of((point) => point.temperature_c) }]} />
        : null}
      <Chart
        title={t.rates}
        at_s={at_s}
        words={rate}
        lines={cameras.map(({ id, name }) => ({ name, values: of((point) => point.cameras.get(id)?.fps ?? null) }))}
      />
      <Chart
        title={t.sizes}
        at_s={at_s}
        words={bytes}
        lines={cameras.map(({ id, name }) => ({ name, values: of((point) => point.cameras.get(id)?.frame_bytes ?? null) }))}
      />
      <Chart title={t.viewers} at_s={at_s} words={whole} lines={[{ name: t.viewers, values: of(({ viewers }) => viewers) }]} />
    </div>
  );
}

function Cameras({ cameras, last }: { cameras: readonly CameraCount[]; last: Point | undefined }): VNode {
  if (cameras.length === 0) {
    return <Empty title={t.noCameras} />;
  }
  const now = (id: string): { fps: number; frame_bytes: number | null } | undefined => last?.cameras.get(id);
  const columns: Column<CameraCount>[] = [
    { head: t.camera, cell: ({ id, name }) => <a href={href('live', id)}>{name}</a> },
    { head: t.size, cell: ({ width_px, height_px }) => (width_px === null || height_px === null ? t.resting : `${width_px} × ${height_px}`) },
    {
      head: t.rate,
      isNumber: true,
      cell: ({ id, framerate }) => {
        const seen = now(id);
        return <span>{seen === undefined ? '–' : t.fps(rate(seen.fps))} <span class="soft">{t.wanted(framerate)}</span></span>;
      },
    },
    { head: t.frame, isNumber: true, cell: ({ id }) => { const size = now(id)?.frame_bytes ?? null; return size === null ? '–' : bytes(size); } },
    {
      head: t.throughput,
      isNumber: true,
      cell: ({ id }) => {
        const seen = now(id);
        return seen?.frame_bytes == null ? '–' : t.perSecond(bytes(seen.frame_bytes * seen.fps));
      },
    },
    { head: t.viewers, isNumber: true, cell: ({ viewers }) => viewers },
    { head: t.incidents, isNumber: true, cell: ({ id, incidents }) => (incidents === 0 ? 0 : <a href={href('incidents', id)}>{incidents}</a>) },
  ];
  return <Table label={t.cameras} columns={columns} rows={cameras} keyOf={({ id }) => id} />;
}
