import { expect, test } from 'vitest';

import type { CameraCount } from '../../api/system.ts';
import { kept, KEPT_S, type Look, MOST, type Point, pointOf } from './history.ts';

const CAMERA: CameraCount = {
  id: 'main', name: 'Main', frames: 100, bytes: 1_000_000, viewers: 2, width_px: 640, height_px: 480, framerate: 20, incidents: 0, made_ms: 0,
};

function look(at_s: number, change: { cpu_s?: number; busy_cs?: number; total_cs?: number; cameras?: CameraCount[] } = {}): Look {
  return {
    system: {
      timestamp: new Date(1_800_000_000_000 + at_s * 1000).toISOString(),
      version: '0.1.0',
      uptime_s: at_s,
      process: { cpu_s: change.cpu_s ?? 0, resident_bytes: 5e6 },
      processor: { cores: 4, busy_cs: change.busy_cs ?? 0, total_cs: change.total_cs ?? 0 },
      memory: { total_bytes: 1000, available_bytes: 250 },
      disk: null,
      board: null,
    },
    cameras: change.cameras ?? [CAMERA],
  };
}

test('two looks make rates', () => {
  const after = { ...CAMERA, frames: 140, bytes: 1_400_000 };
  const point = pointOf(look(10), look(12, { cpu_s: 0.8, busy_cs: 200, total_cs: 800, cameras: [after] }));
  expect(point).toMatchObject({ machine: 25, memory: 75, temperature_c: null, viewers: 2 });
  expect(point?.server).toBeCloseTo(10);
  expect(point?.cameras.get('main')).toEqual({ fps: 20, frame_bytes: 10_000 });
});

test('a camera that rests has a rate of nothing and no size', () => {
  expect(pointOf(look(10), look(12))?.cameras.get('main')).toEqual({ fps: 0, frame_bytes: null });
});

test('what began anew is no rate', () => {
  expect(pointOf(look(10), look(2))).toBeNull();
  expect(pointOf(look(10), look(10))).toBeNull();
  expect(pointOf(look(10), look(12, { cameras: [{ ...CAMERA, frames: 3 }] }))?.cameras.size).toBe(0);
  expect(pointOf(look(10, { cameras: [] }), look(12))?.cameras.size).toBe(0);
  expect(pointOf(look(10), look(12))?.machine, 'no tick passed').toBeNull();
});

test('an hour is kept, and never more than there is room for', () => {
  const first = pointOf(look(10), look(12));
  if (first === null) {
    throw new Error('two looks make no point');
  }
  let points: Point[] = [];
  for (let at = 0; at < 3 * MOST; at += 1) {
    points = kept(points, { ...first, at_s: at });
  }
  expect(points.length).toBe(MOST);
  points = kept(points, { ...first, at_s: 3 * MOST + KEPT_S - 10 });
  expect(points.length).toBe(11);
  // A clock that was set back: what seems to be the future is gone.
  expect(kept(points, { ...first, at_s: 5 })).toHaveLength(1);
});
