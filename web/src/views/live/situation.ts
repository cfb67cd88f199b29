// What to tell the person in front of the page. Pure: everything known goes in, one situation comes out.

import type { Camera, Failure } from '../../api/types.ts';
import type { PlayerState, StreamEnd } from '../../player/player.ts';

export type Situation =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'starting'; readonly message: string | null }
  | { readonly kind: 'live' }
  | { readonly kind: 'late'; readonly age_ms: number }
  | { readonly kind: 'frozen'; readonly message: string | null }
  | { readonly kind: 'placeholder'; readonly message: string | null }
  | { readonly kind: 'camera_error'; readonly message: string | null }
  | { readonly kind: 'full' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'reconnecting' }
  | { readonly kind: 'sign_in' }
  | { readonly kind: 'refused'; readonly message: string | null }
  | { readonly kind: 'paused' }
  | { readonly kind: 'no_camera' };

export type Known = {
  /** The page is out of sight and has hung up. */
  readonly paused: boolean;
  readonly player: PlayerState;
  /** None before the first answer, and when the server has no camera of the wanted name. */
  readonly camera: Camera | null;
  readonly answered: boolean;
  /** What went wrong with the last call; none if it went well or nothing was asked yet. */
  readonly failure: Failure | null;
  /** Age of the newest frame now. */
  readonly age_ms: number | null;
  /** What the picture on the screen says of itself; none where pictures come without such words. */
  readonly isPlaceholder: boolean | null;
};

/** A picture is late when it is older than this and than five frame times, and frozen after ten seconds. */
const LATE_MS = 1_500;
const LATE_FRAMES = 5;
const FROZEN_MS = 10_000;

export function situation(known: Known): Situation {
  const { player, camera, failure } = known;
  if (known.paused) {
    return { kind: 'paused' };
  }
  if (failure !== null) {
    const said = fromFailure(failure);
    if (said !== null) {
      return said;
    }
  }
  if (player.kind === 'waiting' && player.why.reason !== 'ended') {
    const said = fromFailure(player.why);
    if (said !== null) {
      return said;
    }
  }
  if (camera === null) {
    return { kind: known.answered ? 'no_camera' : 'connecting' };
  }
  // What is on the screen is newer than what the server said of the camera a moment ago.
  if (player.kind === 'playing' && known.isPlaceholder === false && known.age_ms !== null) {
    const old = tooOld(camera, known.age_ms);
    if (old === null) {
      return camera.message === null || camera.state !== 'live' ? { kind: 'live' } : { kind: 'placeholder', message: camera.message };
    }
    if (camera.state === 'live') {
      return old;
    }
  }
  if (camera.state === 'failed') {
    return { kind: 'camera_error', message: camera.message };
  }
  if (camera.state === 'stalled') {
    return { kind: 'frozen', message: camera.message };
  }
  switch (player.kind) {
    case 'waiting':
      return { kind: 'reconnecting' };
    case 'off':
    case 'connecting':
      return camera.state === 'starting' ? { kind: 'starting', message: camera.message } : { kind: 'connecting' };
    case 'playing':
      return playing(camera, known);
    default:
      return player satisfies never;
  }
}

function playing(camera: Camera, { age_ms, isPlaceholder }: Known): Situation {
  if (isPlaceholder === true) {
    return camera.state === 'starting' ? { kind: 'starting', message: camera.message } : { kind: 'placeholder', message: camera.message };
  }
  if (camera.state !== 'live' || age_ms === null) {
    return { kind: 'starting', message: camera.message };
  }
  const old = tooOld(camera, age_ms);
  if (old !== null) {
    return old;
  }
  return camera.message === null ? { kind: 'live' } : { kind: 'placeholder', message: camera.message };
}

function tooOld(camera: Camera, age_ms: number): Situation | null {
  if (age_ms > FROZEN_MS) {
    return { kind: 'frozen', message: camera.message };
  }
  const late_ms = Math.max(LATE_MS, (LATE_FRAMES * 1000) / Math.max(camera.framerate, 0.1));
  return age_ms > late_ms ? { kind: 'late', age_ms } : null;
}

function fromFailure(failure: Exclude<StreamEnd, { reason: 'ended' }>): Situation | null {
  switch (failure.reason) {
    case 'unreachable':
      return { kind: 'unreachable' };
    case 'full':
      return { kind: 'full' };
    case 'refused':
      return failure.status === 401 || failure.status === 403
        ? { kind: 'sign_in' }
        : { kind: 'refused', message: failure.detail === '' ? null : failure.detail };
    case 'unreadable':
      return { kind: 'refused', message: failure.detail };
    default:
      return failure satisfies never;
  }
}
