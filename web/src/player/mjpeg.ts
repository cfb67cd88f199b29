// Plays an MJPEG stream in an `<img>`. Every end is looked into and followed by another try.

import { probeStream } from '../api/client.ts';
import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import type { Picture } from './picture.ts';
import type { PlayerState, StreamEnd } from './player.ts';
import { Stillness } from './stillness.ts';

/** How often the picture is looked at, to see whether it changes. */
const LOOK_MS = 1_000;
/** The same where somebody takes each picture: an `<img>` does not say that there is another one. */
const TAKE_MS = 100;
/** A camera that has to start first may take a while; a connection without any picture for longer is dead. */
const FIRST_PICTURE_TIMEOUT_MS = 20_000;
/** When there is reason to doubt the connection, a picture unchanged for this long is enough to end it. */
const STALE_MS = 2_500;

/** How one connection ended. */
type End = 'failed' | 'stuck' | 'aborted';

export class MjpegPlayer {
  private current: PlayerState = { kind: 'off' };
  private connections = 0;
  private restartIfStale = false;
  /** Ends when the stream before has let go of the picture. */
  private running: Promise<void> = Promise.resolve();
  private readonly pause = new Nap();
  private readonly stillness = new Stillness();
  private look_ms: number;

  constructor(
    private readonly picture: Picture,
    private readonly changed: () => void,
  ) {
    this.look_ms = picture.isTaken ? TAKE_MS : LOOK_MS;
  }

  get state(): PlayerState {
    return this.current;
  }

  /** Shows `url` until aborted; comes back by itself after every failure. */
  play(url: string, signal: AbortSignal): Promise<void> {
    this.running = this.running.then(() => this.run(url, signal));
    return this.running;
  }

  retryNow(): void {
    if (this.current.kind === 'waiting') {
      this.pause.wake();
    }
  }

  checkNow(): void {
    this.restartIfStale = true;
  }

  expect(framerate: number): void {
    const frame_ms = framerate > 0 ? 1_000 / framerate : 0;
    this.stillness.expect(frame_ms);
    if (this.picture.isTaken) {
      this.look_ms = Math.min(Math.max(frame_ms, TAKE_MS), LOOK_MS);
    }
  }

  still_ms(now_ms: number): number | null {
    return this.current.kind === 'playing' ? this.stillness.suspicious_ms(now_ms) : null;
  }

  private async run(url: string, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      this.enter({ kind: 'connecting' });
      const end = await this.connect(url, signal, () => {
        backoff.reset();
        this.enter({ kind: 'playing' });
      });
      this.picture.close();
      if (end === 'failed') {
        const why = await whyFailed(url, signal);
        const wait_ms = backoff.next();
        this.enter({ kind: 'waiting', why, retryAt_ms: Date.now() + wait_ms });
        await this.pause.sleep(wait_ms, signal);
      }
    }
    this.enter({ kind: 'off' });
  }

  /** One connection, from its start to its end. */
  private async connect(url: string, signal: AbortSignal, started: () => void): Promise<End> {
    const image = this.picture.open(this.address(url));
    const look = new Nap();
    const seen: { failed: boolean; shown: boolean } = { failed: false, shown: false };
    image.addEventListener('error', () => {
      seen.failed = true;
      look.wake();
    });
    // Once here, though some browsers say it for every frame.
    image.addEventListener(
      'load',
      () => {
        seen.shown = true;
        look.wake();
      },
      { once: true },
    );
    const openedAt_ms = Date.now();
    let playing = false;
    this.restartIfStale = false;
    for (;;) {
      await look.sleep(this.look_ms, signal);
      const now_ms = Date.now();
      if (signal.aborted) {
        return 'aborted';
      }
      if (seen.failed || (!seen.shown && now_ms - openedAt_ms > FIRST_PICTURE_TIMEOUT_MS)) {
        return 'failed';
      }
      if (!seen.shown) {
        continue;
      }
      if (!playing) {
        playing = true;
        this.stillness.restart(now_ms);
        started();
      }
      const fingerprint = this.picture.sample(now_ms);
      if (fingerprint !== null) {
        this.stillness.see(fingerprint, now_ms);
      }
      if (this.isStuck(now_ms)) {
        return 'stuck';
      }
    }
  }

  private isStuck(now_ms: number): boolean {
    if (this.stillness.isStuck(now_ms)) {
      this.stillness.gaveUp();
      return true;
    }
    const asked = this.restartIfStale;
    this.restartIfStale = false;
    return asked && this.stillness.unchanged_ms(now_ms) > STALE_MS;
  }

  /**
   * `advance_headers` lets Chromium show a frame when it arrives instead of one frame later. The number makes each
   * address new: browsers join an `<img>` to a stream of the same address that they still hold.
   */
  private address(url: string): string {
    this.connections += 1;
    return `${url}${url.includes('?') ? '&' : '?'}advance_headers=1&n=${this.connections}`;
  }

  private enter(state: PlayerState): void {
    this.current = state;
    this.changed();
  }
}

async function whyFailed(url: string, signal: AbortSignal): Promise<StreamEnd> {
  const answer = await probeStream(url, signal);
  switch (answer.kind) {
    case 'ok':
    case 'aborted':
      return { reason: 'ended' };
    case 'failed':
      return answer.failure;
    default:
      return answer satisfies never;
  }
}
