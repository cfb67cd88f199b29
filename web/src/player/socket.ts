// Plays a camera over a socket, in the worker where there is one.

import { Line, type LineState } from './line.ts';
import type { Shown, Wish } from './player.ts';
import { handedTo, onCanvas } from './sink.ts';
import { dismiss, type Heard, hire, type ToWorker, workshop } from './workshop.ts';

/** Where the pictures are made. A canvas that was given to the worker cannot be taken back. */
type Place = { readonly kind: 'worker'; readonly worker: Worker; readonly id: number } | { readonly kind: 'here' };

export class SocketPlayer {
  state: LineState = { kind: 'off' };
  shown: Shown | null = null;
  private place: Place | null = null;
  private line: Line | null = null;
  private wished: Wish = {};
  private run = 0;
  private toldState: (state: LineState) => void = () => undefined;

  constructor(
    /** What is drawn on, or who takes the pictures as they are. */
    private readonly to: HTMLCanvasElement | ((picture: ImageBitmap) => void),
    private readonly changed: () => void,
  ) {}

  /** Until aborted, or until it turns out that no socket comes through: then `blocked`. */
  async play(camera: string, signal: AbortSignal): Promise<'blocked' | 'aborted'> {
    const place = await this.settle();
    if (signal.aborted) {
      return 'aborted';
    }
    this.run += 1;
    return new Promise((resolve) => {
      const stop = (): void => {
        this.tell(place, 'stop');
        this.line?.end();
        this.line = null;
        this.toldState = () => undefined;
        signal.removeEventListener('abort', aborted);
        this.enter({ kind: 'off' });
      };
      const aborted = (): void => {
        stop();
        resolve('aborted');
      };
      signal.addEventListener('abort', aborted);
      this.toldState = (state) => {
        if (state.kind === 'waiting' && state.why.reason === 'blocked') {
          stop();
          resolve('blocked');
          return;
        }
        this.enter(state);
      };
      const base = document.baseURI;
      if (place.kind === 'worker') {
        place.worker.postMessage({ kind: 'play', id: place.id, run: this.run, base, camera, wish: this.wished } satisfies ToWorker);
        return;
      }
      const show = this.to instanceof HTMLCanvasElement ? onCanvas(this.to) : handedTo(this.to);
      this.line = new Line(show, base, camera, this.wished, {
        state: (state) => { this.toldState(state); },
        shown: (shown) => { this.drew(shown); },
      });
      void this.line.run(signal);
    });
  }

  wish(wish: Wish): void {
    this.wished = wish;
    this.line?.wish(wish);
    if (this.place?.kind === 'worker') {
      this.place.worker.postMessage({ kind: 'wish', id: this.place.id, wish } satisfies ToWorker);
    }
  }

  retryNow(): void {
    this.line?.retryNow();
    this.tell(this.place, 'retry');
  }

  checkNow(): void {
    this.line?.checkNow();
    this.tell(this.place, 'check');
  }

  /** Gives the canvas up, if there is one. */
  dispose(): void {
    this.tell(this.place, 'forget');
    if (this.place?.kind === 'worker') {
      dismiss(this.place.id);
    }
  }

  private tell(place: Place | null, kind: 'retry' | 'check' | 'taken' | 'stop' | 'forget'): void {
    if (place?.kind === 'worker') {
      place.worker.postMessage({ kind, id: place.id } satisfies ToWorker);
    }
  }

  private async settle(): Promise<Place> {
    const worker = await workshop();
    if (this.place !== null) {
      return this.place;
    }
    if (worker === null) {
      this.place = { kind: 'here' };
      return this.place;
    }
    const id = hire((message) => { this.heard(message); });
    if (this.to instanceof HTMLCanvasElement) {
      const canvas = this.to.transferControlToOffscreen();
      worker.postMessage({ kind: 'canvas', id, canvas } satisfies ToWorker, [canvas]);
    }
    this.place = { kind: 'worker', worker, id };
    return this.place;
  }

  private heard(message: Heard): void {
    // What the line before still says does not count.
    const isOld = message.run !== this.run;
    switch (message.kind) {
      case 'frame':
        if (isOld || this.to instanceof HTMLCanvasElement) {
          message.picture.close();
        } else {
          this.to(message.picture);
          this.tell(this.place, 'taken');
        }
        return;
      case 'state':
        if (!isOld) {
          this.toldState(message.state);
        }
        return;
      case 'shown':
        if (!isOld) {
          this.drew(message.shown);
        }
        return;
      default:
        message satisfies never;
    }
  }

  private drew(shown: Omit<Shown, 'at_ms'>): void {
    const isNews = this.shown?.isPlaceholder !== shown.isPlaceholder || this.shown.width_px !== shown.width_px;
    this.shown = { ...shown, at_ms: performance.now() };
    if (isNews) {
      this.changed();
    }
  }

  private enter(state: LineState): void {
    this.state = state;
    this.changed();
  }
}
