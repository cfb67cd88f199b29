// Decides when an unchanging picture is a broken one. Pure: the caller brings fingerprints and the time.
//
// An `<img>` does not say that its stream has ended. Sensor noise changes every real picture, so one that stays the
// same for some seconds is most likely a dead connection. A source that really stands still (a drawing, a file) must
// not be torn down for ever: the patience doubles with each restart that changed nothing.

const PATIENCE_MS = 6_000;
const MOST_PATIENCE_MS = 96_000;
/** A slow camera may rest this many frame times. */
const PATIENCE_FRAMES = 4;

export class Stillness {
  private last: number | null = null;
  private changedAt_ms = 0;
  private patience_ms = PATIENCE_MS;

  constructor(private frame_ms = 0) {}

  /** The time from one frame to the next, once it is known. */
  expect(frame_ms: number): void {
    this.frame_ms = frame_ms;
  }

  /** A new connection: its first picture counts as no change if it looks like the last one. */
  restart(now_ms: number): void {
    this.changedAt_ms = now_ms;
  }

  see(fingerprint: number, now_ms: number): void {
    if (fingerprint === this.last) {
      return;
    }
    if (this.last !== null) {
      this.patience_ms = PATIENCE_MS;
    }
    this.last = fingerprint;
    this.changedAt_ms = now_ms;
  }

  unchanged_ms(now_ms: number): number {
    return now_ms - this.changedAt_ms;
  }

  isStuck(now_ms: number): boolean {
    return this.unchanged_ms(now_ms) >= Math.max(this.patience_ms, this.frame_ms * PATIENCE_FRAMES);
  }

  /** For how long the picture stands still although it should not; none if standing still is its nature. */
  suspicious_ms(now_ms: number): number | null {
    const still_ms = this.unchanged_ms(now_ms);
    const usual_ms = Math.max(PATIENCE_MS, this.frame_ms * PATIENCE_FRAMES) / 2;
    return this.patience_ms === PATIENCE_MS && still_ms > usual_ms ? still_ms : null;
  }

  /** Called when a restart follows from being stuck. */
  gaveUp(): void {
    this.patience_ms = Math.min(this.patience_ms * 2, MOST_PATIENCE_MS);
  }
}
