// The worker in which pictures are decoded and drawn, where the browser can do that.

import { trusted } from '../ui/trusted.ts';
import workerUrl from './worker.ts?worker&url';
import type { LineState } from './line.ts';
import type { Shown, Wish } from './player.ts';

export type ToWorker =
  | { readonly kind: 'canvas'; readonly id: number; readonly canvas: OffscreenCanvas }
  | { readonly kind: 'play'; readonly id: number; readonly run: number; readonly base: string; readonly camera: string; readonly wish: Wish }
  | { readonly kind: 'wish'; readonly id: number; readonly wish: Wish }
  | { readonly kind: 'retry' | 'check' | 'taken' | 'stop' | 'forget'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'state'; readonly id: number; readonly run: number; readonly state: LineState }
  | { readonly kind: 'shown'; readonly id: number; readonly run: number; readonly shown: Omit<Shown, 'at_ms'> }
  | { readonly kind: 'frame'; readonly id: number; readonly run: number; readonly picture: ImageBitmap };

/** A worker that has not answered by then never will: an old browser, or a policy that we do not know. */
const READY_MS = 5_000;

/** What one player hears. */
export type Heard = Exclude<FromWorker, { kind: 'ready' }>;

type Listener = (message: Heard) => void;

const listeners = new Map<number, Listener>();
let started: Promise<Worker | null> | null = null;
let last = 0;

/** One worker for the page; none where pictures have to be drawn here. */
export function workshop(): Promise<Worker | null> {
  started ??= start();
  return started;
}

/** A number for one player, and who hears of it. */
export function hire(listener: Listener): number {
  last += 1;
  listeners.set(last, listener);
  return last;
}

export function dismiss(id: number): void {
  listeners.delete(id);
}

function start(): Promise<Worker | null> {
  if (typeof Worker === 'undefined' || typeof HTMLCanvasElement.prototype.transferControlToOffscreen !== 'function') {
    return Promise.resolve(null);
  }
  return new Promise((resolve) => {
    const give = (worker: Worker | null): void => {
      clearTimeout(timer);
      resolve(worker);
    };
    const timer = setTimeout(() => { give(null); }, READY_MS);
    try {
      const worker = new Worker(trusted(workerUrl) as URL, { type: 'module' });
      worker.onerror = () => { give(null); };
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === 'ready') {
          give(worker);
          return;
        }
        const listener = listeners.get(data.id);
        if (listener !== undefined) {
          listener(data);
        } else if (data.kind === 'frame') {
          // On its way while its player was given up.
          data.picture.close();
        }
      };
    } catch {
      give(null);
    }
  });
}
