// How long to wait before the next try: 1, 2, 5, then 10 seconds for ever.

const STEPS_MS = [1_000, 2_000, 5_000, 10_000] as const;

export class Backoff {
  private step = 0;

  next(): number {
    const wait = STEPS_MS[Math.min(this.step, STEPS_MS.length - 1)] ?? STEPS_MS[0];
    this.step += 1;
    return wait;
  }

  reset(): void {
    this.step = 0;
  }
}
