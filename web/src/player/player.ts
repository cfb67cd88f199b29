// What the page knows of a player, whatever brings the picture.

import type { Failure } from '../api/types.ts';

/** Why there is no stream. `ended`: the server would give one now, only the last one is over. */
export type StreamEnd = Failure | { readonly reason: 'ended' };

export type PlayerState =
  | { readonly kind: 'off' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'playing' }
  | { readonly kind: 'waiting'; readonly why: StreamEnd; readonly retryAt_ms: number };

export interface Player {
  readonly state: PlayerState;
  /** Shows `url` until aborted; comes back by itself after every failure. */
  play(url: string, signal: AbortSignal): Promise<void>;
  /** Tries again at once if it is waiting. */
  retryNow(): void;
  /** There is reason to think that the stream is dead: starts anew if the picture does not change any more. */
  checkNow(): void;
  /** Says how often a frame should come. */
  expect(framerate: number): void;
  /** For how long the picture has been standing still although it should move; none if all is well. */
  still_ms(now_ms: number): number | null;
}
