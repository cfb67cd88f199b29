// Keeps asking the server about its cameras, until aborted: every two seconds, slower while it does not answer.

import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import { getCameras } from './client.ts';
import type { Cameras, Failure } from './types.ts';

const EVERY_MS = 2_000;

export class CamerasWatch {
  /** The last good answer, and when it came. */
  latest: Cameras | null = null;
  answeredAt_ms = 0;
  /** What went wrong since then. */
  failure: Failure | null = null;
  failuresInARow = 0;
  nextAt_ms = 0;
  private readonly nap = new Nap();

  constructor(private readonly changed: (recovered: boolean) => void) {}

  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      const answer = await getCameras(signal);
      let wait_ms = EVERY_MS;
      switch (answer.kind) {
        case 'aborted':
          return;
        case 'ok': {
          const recovered = this.failure !== null;
          this.latest = answer.value;
          this.answeredAt_ms = Date.now();
          this.failure = null;
          this.failuresInARow = 0;
          backoff.reset();
          this.nextAt_ms = this.answeredAt_ms + wait_ms;
          this.changed(recovered);
          break;
        }
        case 'failed':
          wait_ms = backoff.next();
          this.failure = answer.failure;
          this.failuresInARow += 1;
          this.nextAt_ms = Date.now() + wait_ms;
          this.changed(false);
          break;
        default:
          answer satisfies never;
      }
      await this.nap.sleep(wait_ms, signal);
    }
  }

  askNow(): void {
    this.nap.wake();
  }
}
