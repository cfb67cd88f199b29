// The last hour in numbers, made of counters. Pure: knows no clock and no server.

import type { CameraCount, System } from '../../api/system.ts';

/** One look at the server. */
export type Look = { readonly system: System; readonly cameras: readonly CameraCount[] };

export type Point = {
  /** Seconds since 1970, by the server's clock. */
  readonly at_s: number;
  /** Parts of a hundred. */
  readonly machine: number | null;
  readonly server: number | null;
  readonly memory: number | null;
  readonly temperature_c: number | null;
  readonly resident_bytes: number;
  readonly viewers: number;
  /** By the camera's id; no rate of a camera that rests. */
  readonly cameras: ReadonlyMap<string, { readonly fps: number; readonly frame_bytes: number | null }>;
};

/** So much is kept: an hour. */
export const KEPT_S = 3_600;
/** Points at the most, whatever a clock does. */
export const MOST = 1_000;

/** What happened between two looks; none if the server began anew or its clock was set back. */
export function pointOf(before: Look, now: Look): Point | null {
  const at_s = Date.parse(now.system.timestamp) / 1000;
  const passed_s = now.system.uptime_s - before.system.uptime_s;
  if (!(passed_s > 0) || !(at_s > Date.parse(before.system.timestamp) / 1000)) {
    return null;
  }
  const [then, cpu] = [before.system.processor, now.system.processor];
  const total = then === null || cpu === null ? 0 : cpu.total_cs - then.total_cs;
  const cores = cpu?.cores ?? 1;
  const { memory, board, process } = now.system;
  return {
    at_s,
    machine: total > 0 && then !== null && cpu !== null ? percent(cpu.busy_cs - then.busy_cs, total) : null,
    server: percent(process.cpu_s - before.system.process.cpu_s, passed_s * cores),
    memory: memory === null ? null : percent(memory.total_bytes - memory.available_bytes, memory.total_bytes),
    temperature_c: board?.temperature_c ?? null,
    resident_bytes: process.resident_bytes,
    viewers: now.cameras.reduce((sum, camera) => sum + camera.viewers, 0),
    cameras: new Map(now.cameras.flatMap((camera) => {
      const known = before.cameras.find(({ id }) => id === camera.id);
      const frames = camera.frames - (known?.frames ?? camera.frames);
      // A camera that was removed and added again counts from nothing.
      if (known === undefined || frames < 0) {
        return [];
      }
      return [[camera.id, {
        fps: frames / passed_s,
        frame_bytes: frames > 0 ? (camera.bytes - known.bytes) / frames : null,
      }] as const];
    })),
  };
}

function percent(part: number, whole: number): number {
  return Math.min(100, Math.max(0, (100 * part) / whole));
}

/** The points with one more, without what is older than an hour. */
export function kept(points: readonly Point[], point: Point): Point[] {
  const since_s = point.at_s - KEPT_S;
  return [...points.filter(({ at_s }) => at_s >= since_s && at_s < point.at_s), point].slice(-MOST);
}
