// `/ws` in a real browser: pictures as binary messages, and how old they are on the screen.

import { expect, test } from './page.ts';

type Seen = {
  readonly sizes: readonly string[];
  readonly gaps: number;
  readonly agesMs: readonly number[];
  readonly aheadMs: number;
};

/** Runs in the page: asks for the server's time, then decodes pictures and notes their age when they are drawn. */
async function watch(count: number): Promise<Seen> {
  const socket = new WebSocket(new URL('ws?frames=binary', location.href.replace(/^http/, 'ws')));
  socket.binaryType = 'arraybuffer';
  const answers = new Map<number, (time: number) => void>();
  const frames: ArrayBuffer[] = [];
  let wake = (): void => undefined;
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') {
      const words = JSON.parse(data) as { type: string; to?: string; id?: number; time_us?: number };
      if (words.to === 'clock') {
        answers.get(words.id ?? 0)?.(words.time_us ?? 0);
      }
    } else {
      // The newest wins here too.
      frames.splice(0, frames.length, data);
      wake();
    }
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => { reject(new Error('the socket does not open')); };
  });
  const now = (): number => performance.timeOrigin + performance.now();
  let best = { way: Infinity, aheadMs: 0 };
  for (let id = 1; id <= 5; id += 1) {
    const sent = now();
    const time = await new Promise<number>((resolve) => {
      answers.set(id, resolve);
      socket.send(JSON.stringify({ type: 'clock', id, sent_ms: sent }));
    });
    const received = now();
    if (received - sent < best.way) {
      best = { way: received - sent, aheadMs: time / 1000 - (sent + received) / 2 };
    }
  }
  const canvas = document.createElement('canvas').getContext('2d');
  const sizes = new Set<string>();
  const agesMs: number[] = [];
  let gaps = 0;
  let last = -1n;
  while (agesMs.length < count) {
    const message = frames.pop() ?? (await new Promise<void>((resolve) => { wake = resolve; }), frames.pop());
    if (message === undefined) {
      continue;
    }
    const head = new DataView(message, 0, 32);
    const sequence = head.getBigUint64(8);
    gaps += last >= 0n && sequence !== last + 1n ? 1 : 0;
    if (sequence <= last) {
      throw new Error('back in time');
    }
    last = sequence;
    const picture = await createImageBitmap(new Blob([new Uint8Array(message, 32)], { type: 'image/jpeg' }));
    if (picture.width !== head.getUint16(24) || picture.height !== head.getUint16(26)) {
      throw new Error('another size than the head says');
    }
    sizes.add(`${picture.width}x${picture.height}`);
    canvas?.drawImage(picture, 0, 0);
    await new Promise(requestAnimationFrame);
    agesMs.push(now() + best.aheadMs - Number(head.getBigUint64(16)) / 1000);
  }
  socket.close();
  return { sizes: [...sizes], gaps, agesMs, aheadMs: best.aheadMs };
}

test('a page can tell how old the picture on the screen is', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  const { sizes, agesMs, aheadMs } = await page.evaluate(watch, 40);
  expect(sizes).toEqual(['640x480']);
  // Both clocks are this machine's.
  expect(Math.abs(aheadMs)).toBeLessThan(50);
  const sorted = [...agesMs].sort((a, b) => a - b);
  const [youngest, median] = [sorted[0] ?? NaN, sorted[20] ?? NaN];
  console.log(`age on the screen: youngest ${youngest.toFixed(1)} ms, median ${median.toFixed(1)} ms`);
  expect(youngest).toBeGreaterThan(0);
  expect(median).toBeLessThan(1000);
});
