// The pictures of all cameras that are on the scene: begins those that are wanted, ends the others.

import { childOf } from '../api/abort.ts';
import type { Camera } from '../api/types.ts';
import { Feed, type Frame } from './feed.ts';

type Running = { readonly feed: Feed; readonly width_px: number | null; readonly stop: AbortController };

export class Feeds {
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly frame: (camera: string, frame: Frame) => void,
    private readonly changed: () => void,
  ) {}

  /** These and no others, at most so wide: several small ones are enough for small screens. */
  want(cameras: readonly Camera[], width_px: number | null, parent: AbortSignal): void {
    for (const [id, { stop, width_px: before }] of this.running) {
      if (before !== width_px || !cameras.some((camera) => camera.id === id)) {
        stop.abort();
        this.running.delete(id);
      }
    }
    for (const { id, framerate } of cameras) {
      const known = this.running.get(id);
      known?.feed.expect(framerate);
      if (known !== undefined) {
        continue;
      }
      const stop = childOf(parent);
      const feed = new Feed(id, width_px, {
        frame: (frame) => { this.frame(id, frame); },
        changed: () => {
          if (!stop.signal.aborted) {
            this.changed();
          }
        },
      });
      feed.expect(framerate);
      this.running.set(id, { feed, width_px, stop });
      void feed.run(stop.signal);
    }
  }

  of(camera: string): Feed | null {
    return this.running.get(camera)?.feed ?? null;
  }

  retryNow(): void {
    for (const { feed } of this.running.values()) {
      feed.retryNow();
    }
  }

  stop(): void {
    for (const { stop } of this.running.values()) {
      stop.abort();
    }
    this.running.clear();
  }
}
