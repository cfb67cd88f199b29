// How far the server's clock is ahead of ours: by the exchange with the shortest way there and back of the last few.

const KEPT = 8;

export class Clock {
  private readonly exchanges: { readonly way_ms: number; readonly ahead_ms: number }[] = [];

  /** None before the first exchange. */
  get ahead_ms(): number | null {
    const best = this.exchanges.reduce<{ way_ms: number; ahead_ms: number } | null>(
      (least, one) => (least === null || one.way_ms < least.way_ms ? one : least),
      null,
    );
    return best === null ? null : best.ahead_ms;
  }

  answered(sent_ms: number, received_ms: number, time_us: number): void {
    this.exchanges.push({ way_ms: received_ms - sent_ms, ahead_ms: time_us / 1000 - (sent_ms + received_ms) / 2 });
    if (this.exchanges.length > KEPT) {
      this.exchanges.shift();
    }
  }

  /** How old a picture is that is on the screen now. */
  age_ms(now_ms: number, captured_us: number): number {
    return Math.max(0, now_ms + (this.ahead_ms ?? 0) - captured_us / 1000);
  }
}
