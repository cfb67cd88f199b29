// How busy machine and server are. Counters: two answers make a rate.

import { getJson } from './client.ts';
import type { Shape } from './shape.ts';
import type { Outcome } from './types.ts';

export type Space = { readonly total_bytes: number; readonly available_bytes: number };

export type Board = {
  readonly under_voltage_now: boolean | null;
  readonly under_voltage_since_boot: boolean | null;
  readonly throttled_now: boolean | null;
  readonly throttled_since_boot: boolean | null;
  readonly temperature_c: number | null;
};

export type System = {
  readonly timestamp: string;
  readonly version: string;
  readonly uptime_s: number;
  readonly process: { readonly cpu_s: number; readonly resident_bytes: number };
  readonly processor: { readonly cores: number; readonly busy_cs: number; readonly total_cs: number } | null;
  readonly memory: Space | null;
  readonly disk: Space | null;
  readonly board: Board | null;
};

/** What is counted of one camera. */
export type CameraCount = {
  readonly id: string;
  readonly name: string;
  readonly frames: number;
  readonly bytes: number;
  readonly viewers: number;
  readonly width_px: number | null;
  readonly height_px: number | null;
  readonly framerate: number;
  readonly incidents: number;
  readonly made_ms: number;
};

const number = (shape: Shape): number => shape.number();
const flag = (shape: Shape): boolean => shape.flag();

function space(shape: Shape): Space {
  return { total_bytes: shape.field('total_bytes').number(), available_bytes: shape.field('available_bytes').number() };
}

export function parseSystem(body: Shape): System {
  const process = body.field('process');
  return {
    timestamp: body.field('timestamp').string(),
    version: body.field('version').string(),
    uptime_s: body.field('uptime_s').number(),
    process: { cpu_s: process.field('cpu_s').number(), resident_bytes: process.field('resident_bytes').number() },
    processor: body.field('processor').optional((shape) => ({
      cores: shape.field('cores').number(),
      busy_cs: shape.field('busy_cs').number(),
      total_cs: shape.field('total_cs').number(),
    })),
    memory: body.field('memory').optional(space),
    disk: body.field('disk').optional(space),
    board: body.field('board').optional((shape) => ({
      under_voltage_now: shape.field('under_voltage_now').optional(flag),
      under_voltage_since_boot: shape.field('under_voltage_since_boot').optional(flag),
      throttled_now: shape.field('throttled_now').optional(flag),
      throttled_since_boot: shape.field('throttled_since_boot').optional(flag),
      temperature_c: shape.field('temperature_c').optional(number),
    })),
  };
}

export function getSystem(signal: AbortSignal): Promise<Outcome<System>> {
  return getJson('api/v1/system', parseSystem, signal);
}

export function getCameraCounts(signal: AbortSignal): Promise<Outcome<CameraCount[]>> {
  return getJson('api/v1/cameras', (body) => body.field('cameras').items().map((camera) => ({
    id: camera.field('id').string(),
    name: camera.field('name').string(),
    frames: camera.field('frames').number(),
    bytes: camera.field('bytes').number(),
    viewers: camera.field('viewers').number(),
    width_px: camera.field('width_px').optional(number),
    height_px: camera.field('height_px').optional(number),
    framerate: camera.field('framerate').number(),
    incidents: camera.field('incidents').number(),
    made_ms: camera.field('made_ms').number(),
  })), signal);
}
