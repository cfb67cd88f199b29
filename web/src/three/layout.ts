// What stands where on the site, as the server keeps it. Pure.

import type { Shape } from '../api/shape.ts';
import type { Schema } from '../api/types.ts';

export type Triple = readonly [number, number, number];

export type Placed = {
  readonly camera: string;
  readonly kind: 'screen' | 'frustum';
  readonly at_m: Triple;
  readonly yaw_deg: number;
  readonly pitch_deg: number;
  readonly roll_deg: number;
  readonly width_m: number;
  readonly angle_deg: number;
  readonly reach_m: number;
};

export type Ground = {
  readonly kind: 'grid' | 'plan' | 'house';
  readonly width_m: number;
  readonly scale: number;
  readonly turn_deg: number;
};

export type Site = { readonly revision: number; readonly ground: Ground; readonly cameras: readonly Placed[] };

/** Numbers of a placed camera that people set, with their bounds: those of the server. */
export const BOUNDS = {
  yaw_deg: [-360, 360, 5],
  pitch_deg: [-90, 90, 5],
  roll_deg: [-180, 180, 5],
  width_m: [0.1, 100, 0.1],
  angle_deg: [5, 150, 1],
  reach_m: [0.5, 1000, 0.5],
} as const;

export const FAR_M = 10_000;

export function parseSite(body: Shape<Schema<'Site'>>): Site {
  const site = body.whole();
  const ground = site.field('ground');
  return {
    revision: site.field('revision').number(),
    ground: {
      kind: ground.field('kind').oneOf(['grid', 'plan', 'house']),
      width_m: ground.field('width_m').number(),
      scale: ground.field('scale').number(),
      turn_deg: ground.field('turn_deg').number(),
    },
    cameras: site.field('cameras').items().map((placed) => {
      const [x, y, z] = placed.field('at_m').items().map((value) => value.number());
      return {
        camera: placed.field('camera').string(),
        kind: placed.field('kind').oneOf(['screen', 'frustum']),
        at_m: [x ?? 0, y ?? 0, z ?? 0],
        yaw_deg: placed.field('yaw_deg').number(),
        pitch_deg: placed.field('pitch_deg').number(),
        roll_deg: placed.field('roll_deg').number(),
        width_m: placed.field('width_m').number(),
        angle_deg: placed.field('angle_deg').number(),
        reach_m: placed.field('reach_m').number(),
      };
    }),
  };
}

/** A first place for a camera: beside the ones that are there, facing the viewer. */
export function firstPlace(camera: string, others: number): Placed {
  const step = others % 2 === 1 ? (others + 1) / 2 : 0 - others / 2;
  return {
    camera, kind: 'screen', at_m: [step * 2.2, 1.4, 0], yaw_deg: 0, pitch_deg: 0, roll_deg: 0,
    width_m: 1.8, angle_deg: 62, reach_m: 8,
  };
}

export function withPlaced(site: Site, placed: Placed): Site {
  const known = site.cameras.some(({ camera }) => camera === placed.camera);
  const cameras = known
    ? site.cameras.map((old) => (old.camera === placed.camera ? placed : old))
    : [...site.cameras, placed];
  return { ...site, cameras };
}

export function without(site: Site, camera: string): Site {
  return { ...site, cameras: site.cameras.filter((placed) => placed.camera !== camera) };
}

/** To the centimetre and the tenth of a degree: nobody wants to read more. */
export function rounded(value: number, digits: number): number {
  const scale = 10 ** digits;
  // No minus in front of nothing.
  return Math.round(value * scale) / scale + 0;
}

export function clamped(value: number, least: number, most: number): number {
  return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : least;
}

/** What a lens sees from top to bottom, when it sees `angle_deg` from left to right. */
export function verticalAngle(angle_deg: number, ratio: number): number {
  const half = Math.tan((angle_deg * Math.PI) / 360) / ratio;
  return (Math.atan(half) * 360) / Math.PI;
}
