// What the page knows of a player, whatever brings the picture.

import type { Failure } from '../api/types.ts';

/** Why there is no stream. `ended`: the server would give one now, only the last one is over. */
export type StreamEnd = Failure | { readonly reason: 'ended' };

export type PlayerState =
  | { readonly kind: 'off' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'playing' }
  | { readonly kind: 'waiting'; readonly why: StreamEnd; readonly retryAt_ms: number };

/** What a player plays: the camera, and where its MJPEG stream is, relative to the page. */
export type Source = { readonly id: string; readonly stream: string };

/** How large, and how good. Nothing said is the camera's own. */
export type Wish = {
  /** Pictures of at least so many pixels in width, and no larger than needed. */
  readonly width?: number;
  /** `false`: the camera's own pictures, however few of them get through. */
  readonly adapt?: boolean;
};

/** What a player knows of the picture on the screen, because it came with it. */
export type Shown = {
  /** Age when it was drawn, and when that was, by `performance.now()`. */
  readonly age_ms: number;
  readonly at_ms: number;
  readonly width_px: number;
  readonly height_px: number;
  /** Says that there is no picture. */
  readonly isPlaceholder: boolean;
  /** Drawn, and lost on the way or left out, since the player began. */
  readonly frames: number;
  readonly lost: number;
};

export interface Player {
  readonly state: PlayerState;
  /** None where pictures come without their times. */
  readonly shown: Shown | null;
  /** Shows `source` until aborted; comes back by itself after every failure. */
  play(source: Source, signal: AbortSignal): Promise<void>;
  /** From now on other pictures of the same camera. */
  wish(wish: Wish): void;
  /** Tries again at once if it is waiting. */
  retryNow(): void;
  /** There is reason to think that the stream is dead: starts anew if the picture does not change any more. */
  checkNow(): void;
  /** Says how often a frame should come. */
  expect(framerate: number): void;
  /** For how long the picture has been standing still although it should move; none if all is well. */
  still_ms(now_ms: number): number | null;
}
