// Sockets, decoding and drawing off the main thread: one worker for all pictures of a page.

import { Line } from './line.ts';
import type { FromWorker, ToWorker } from './workshop.ts';

type Scope = {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};
const scope = self as unknown as Scope;
const lines = new Map<number, Line>();
const canvases = new Map<number, OffscreenCanvas>();

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'canvas':
      canvases.set(data.id, data.canvas);
      return;
    case 'play': {
      const canvas = canvases.get(data.id);
      if (canvas === undefined) {
        return;
      }
      const { id, run } = data;
      const line = new Line(canvas, data.base, data.camera, data.wish, {
        state: (state) => { scope.postMessage({ kind: 'state', id, run, state }); },
        shown: (shown) => { scope.postMessage({ kind: 'shown', id, run, shown }); },
      });
      lines.get(id)?.end();
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
    case 'stop':
      lines.get(data.id)?.end();
      lines.delete(data.id);
      return;
    case 'forget':
      lines.get(data.id)?.end();
      lines.delete(data.id);
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
