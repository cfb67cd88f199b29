// A camera as the server describes it, for tests.

import type { Camera } from './types.ts';

export const CAMERA: Camera = {
  id: 'main',
  name: 'Front door',
  source: 'test',
  state: 'live',
  message: null,
  cause: null,
  since: '2026-11-22T13:00:00Z',
  width_px: 640,
  height_px: 480,
  framerate: 20,
  newest_frame_age_ms: 35,
  frames: 1234,
  viewers: 2,
  stream: 'api/v1/cameras/main/stream',
  snapshot: 'api/v1/cameras/main/snapshot',
};
