// How busy machine and server are. Counters: two answers make a rate.

import { getJson } from './client.ts';
import type { Shape } from './shape.ts';
import type { Outcome, Part, Schema } from './types.ts';

export type Space = Schema<'SpaceView'>;

export type Board = Part<
  'BoardView',
  'under_voltage_now' | 'under_voltage_since_boot' | 'throttled_now' | 'throttled_since_boot' | 'temperature_c'
>;

export type System = Omit<Schema<'SystemView'>, 'board'> & { readonly board: Board | null };

/** What is counted of one camera. */
export type CameraCount = Part<
  'CameraView',
  'id' | 'name' | 'frames' | 'bytes' | 'viewers' | 'width_px' | 'height_px' | 'framerate' | 'incidents' | 'made_ms'
>;

const number = (shape: Shape<number>): number => shape.number();
const flag = (shape: Shape<boolean>): boolean => shape.flag();

function space(shape: Shape<Space>): Space {
  return { total_bytes: shape.field('total_bytes').number(), available_bytes: shape.field('available_bytes').number() };
}

export function parseSystem(body: Shape<Schema<'SystemView'>>): System {
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
  return getJson('/api/v1/system', {}, parseSystem, signal);
}

export function getCameraCounts(signal: AbortSignal): Promise<Outcome<CameraCount[]>> {
  return getJson('/api/v1/cameras', {}, (body) => body.field('cameras').items().map((camera) => ({
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
