// The answer of `GET api/v1/cameras`, checked.

import { type Shape, ShapeError } from './shape.ts';
import type { Camera, Cameras, Schema } from './types.ts';

const STATES = ['idle', 'starting', 'live', 'stalled', 'failed'] as const;

export function parseCameras(body: Shape<Schema<'CameraList'>>): Cameras {
  return {
    cameras: body.field('cameras').items().map(parseCamera),
    viewers: body.field('viewers').number(),
    max_viewers: body.field('max_viewers').number(),
  };
}

function parseCamera(camera: Shape<Schema<'CameraView'>>): Camera {
  return {
    id: camera.field('id').string(),
    name: camera.field('name').string(),
    source: camera.field('source').string(),
    state: camera.field('state').oneOf(STATES),
    message: camera.field('message').optional((s) => s.string()),
    cause: camera.field('cause').optional((s) => s.string()),
    since: camera.field('since').string(),
    width_px: camera.field('width_px').optional((s) => s.number()),
    height_px: camera.field('height_px').optional((s) => s.number()),
    framerate: camera.field('framerate').number(),
    newest_frame_age_ms: camera.field('newest_frame_age_ms').optional((s) => s.number()),
    frames: camera.field('frames').number(),
    viewers: camera.field('viewers').number(),
    stream: relative(camera.field('stream').string()),
    snapshot: relative(camera.field('snapshot').string()),
  };
}

/** Only addresses below the page are followed: no scheme, no host, no way up. */
function relative(address: string): string {
  if (!/^[\w.~%-]+(?:\/[\w.~%-]+)*(?:\?[\w.~%=&-]*)?$/.test(address) || address.includes('..')) {
    throw new ShapeError(`${address} is not an address below the page`);
  }
  return address;
}
