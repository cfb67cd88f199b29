// One picture after the other, asked for one at a time: for those that get no stream of their own.

import { getSnapshot } from '../api/client.ts';
import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import type { Picture } from './picture.ts';
import type { PlayerState } from './player.ts';

const EVERY_MS = 1_000;

export class StillsPlayer {
  state: PlayerState = { kind: 'off' };
  private readonly nap = new Nap();

  constructor(
    private readonly picture: Picture,
    private readonly changed: () => void,
  ) {}

  /** Until aborted, or until `isEnough` says so. */
  async play(url: string, signal: AbortSignal, isEnough: () => boolean): Promise<void> {
    const backoff = new Backoff();
    this.enter({ kind: 'connecting' });
    while (!signal.aborted && !isEnough()) {
      const answer = await getSnapshot(url, signal);
      let wait_ms = EVERY_MS;
      if (answer.kind === 'ok') {
        const still = await createImageBitmap(answer.value).catch(() => null);
        if (still !== null) {
          this.picture.hold(still, Date.now());
          still.close();
        }
        backoff.reset();
        if (this.state.kind !== 'playing') {
          this.enter({ kind: 'playing' });
        }
      } else if (answer.kind === 'failed') {
        wait_ms = backoff.next();
        this.enter({ kind: 'waiting', why: answer.failure, retryAt_ms: Date.now() + wait_ms });
      }
      await this.nap.sleep(wait_ms, signal);
    }
    this.enter({ kind: 'off' });
  }

  retryNow(): void {
    if (this.state.kind === 'waiting') {
      this.nap.wake();
    }
  }

  private enter(state: PlayerState): void {
    this.state = state;
    this.changed();
  }
}
