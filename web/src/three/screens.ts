// The screens of all cameras on the scene: opens those that are wanted, closes the others.

import { childOf } from '../api/abort.ts';
import { Screen } from '../views/live/screen.ts';

type Open = { readonly screen: Screen; readonly width_px: number | null; readonly stop: AbortController };

export class Screens {
  private readonly open = new Map<string, Open>();
  /** Says what there is to say where no camera is. */
  private readonly none = new Screen('');

  constructor(
    /** Whoever gets a picture closes it. */
    private readonly take: (camera: string, picture: ImageBitmap) => void,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.none.open({ kind: 'frames', take: (picture) => { picture.close(); }, width_px: null }, signal);
    signal.addEventListener('abort', this.told(this.none));
  }

  /** These and no others, at most so wide: several small ones are enough for small screens. */
  want(cameras: readonly string[], width_px: number | null, canBeShown: boolean, parent: AbortSignal): void {
    for (const [id, { stop, width_px: before }] of this.open) {
      if (before !== width_px || !cameras.includes(id)) {
        stop.abort();
        this.open.delete(id);
      }
    }
    for (const id of cameras) {
      const { screen } = this.open.get(id) ?? this.begin(id, width_px, parent);
      screen.isWanted.value = canBeShown;
    }
  }

  of(camera: string | null): Screen {
    return (camera === null ? undefined : this.open.get(camera)?.screen) ?? this.none;
  }

  stop(): void {
    for (const { stop } of this.open.values()) {
      stop.abort();
    }
    this.open.clear();
  }

  /** Tells of changes, not of what is there already. */
  private told(screen: Screen): () => void {
    let isFirst = true;
    return screen.situation.subscribe(() => {
      if (!isFirst) {
        this.changed();
      }
      isFirst = false;
    });
  }

  private begin(id: string, width_px: number | null, parent: AbortSignal): Open {
    const stop = childOf(parent);
    const screen = new Screen(id);
    const open = { screen, width_px, stop };
    this.open.set(id, open);
    screen.isWanted.value = false;
    screen.open({ kind: 'frames', take: (picture) => { this.take(id, picture); }, width_px }, stop.signal);
    stop.signal.addEventListener('abort', this.told(screen));
    return open;
  }
}
