// Sockets, decoding and, on canvases of the page, drawing off the main thread: one worker for all pictures of a page.

import { Line } from './line.ts';
import { onCanvas, type Target } from './sink.ts';
import type { FromWorker, ToWorker } from './workshop.ts';

type Scope = {
  postMessage(message: FromWorker, given?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};
const scope = self as unknown as Scope;
const lines = new Map<number, Line>();
const canvases = new Map<number, OffscreenCanvas>();
/** Called when the page has taken the picture that it was handed. */
const taken = new Map<number, () => void>();

/** To the page, which draws by itself; it gets the next one when it has taken this one. */
function handed(id: number, run: number): Target {
  return (picture) =>
    new Promise((resolve) => {
      taken.set(id, resolve);
      scope.postMessage({ kind: 'frame', id, run, picture }, [picture]);
    });
}

function end(id: number): void {
  lines.get(id)?.end();
  lines.delete(id);
  taken.get(id)?.();
  taken.delete(id);
}

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'canvas':
      canvases.set(data.id, data.canvas);
      return;
    case 'play': {
      const { id, run } = data;
      const canvas = canvases.get(id);
      end(id);
      const line = new Line(canvas === undefined ? handed(id, run) : onCanvas(canvas), data.base, data.camera, data.wish, {
        state: (state) => { scope.postMessage({ kind: 'state', id, run, state }); },
        shown: (shown) => { scope.postMessage({ kind: 'shown', id, run, shown }); },
      });
      lines.set(id, line);
      void line.run(new AbortController().signal);
      return;
    }
    case 'wish':
      lines.get(data.id)?.wish(data.wish);
      return;
    case 'retry':
      lines.get(data.id)?.retryNow();
      return;
    case 'check':
      lines.get(data.id)?.checkNow();
      return;
    case 'taken':
      taken.get(data.id)?.();
      return;
    case 'stop':
      end(data.id);
      return;
    case 'forget':
      end(data.id);
      canvases.delete(data.id);
      return;
    default:
      data satisfies never;
  }
};
// For the console, and for tests that look for queues: `cctvLines()` in the context of this worker.
Object.assign(self, {
  cctvLines: () => ({ canvases: canvases.size, lines: [...lines.values()].map((line) => line.figures()) }),
});
scope.postMessage({ kind: 'ready' });
