// Who is watching.

import { getJson } from './client.ts';
import type { Shape } from './shape.ts';
import type { Outcome, Part } from './types.ts';

export type Viewer = Part<
  'ViewerView',
  | 'id' | 'who' | 'address' | 'user_agent' | 'camera' | 'connected_since' | 'frames_skipped' | 'bytes' | 'rate' | 'width_px'
  | 'height_px' | 'reason' | 'lag_ms'
>;

export type Viewers = Part<'ViewerList', 'max_viewers' | 'total' | 'refused'> & { readonly viewers: readonly Viewer[] };

const number = (shape: Shape<number>): number => shape.number();

export function getViewers(signal: AbortSignal): Promise<Outcome<Viewers>> {
  return getJson('/api/v1/viewers', {}, (body) => ({
    viewers: body.field('viewers').items().map((viewer) => ({
      id: viewer.field('id').number(),
      who: viewer.field('who').string(),
      address: viewer.field('address').string(),
      user_agent: viewer.field('user_agent').optional((s) => s.string()),
      camera: viewer.field('camera').string(),
      connected_since: viewer.field('connected_since').string(),
      frames_skipped: viewer.field('frames_skipped').number(),
      bytes: viewer.field('bytes').number(),
      rate: viewer.field('rate').number(),
      width_px: viewer.field('width_px').optional(number),
      height_px: viewer.field('height_px').optional(number),
      reason: viewer.field('reason').oneOf(['original', 'asked', 'line']),
      lag_ms: viewer.field('lag_ms').optional(number),
    })),
    max_viewers: body.field('max_viewers').number(),
    total: body.field('total').number(),
    refused: body.field('refused').number(),
  }), signal);
}
