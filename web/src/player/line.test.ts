import { expect, test } from 'vitest';

import { Clock } from './clock.ts';
import { HEAD_BYTES, Losses, readHead } from './head.ts';

function message(change: (view: DataView) => void = () => undefined): ArrayBuffer {
  const bytes = new ArrayBuffer(HEAD_BYTES + 4);
  const view = new DataView(bytes);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(2, 3);
  view.setUint32(4, 4);
  view.setBigUint64(8, 7n);
  view.setBigUint64(16, 1_795_000_000_000_000n);
  view.setUint16(24, 640);
  view.setUint16(26, 480);
  change(view);
  return bytes;
}

test('the head is read as docs/websocket.md says', () => {
  expect(readHead(message())).toEqual({
    sequence: 7,
    captured_us: 1_795_000_000_000_000,
    width_px: 640,
    height_px: 480,
    isPlaceholder: true,
  });
  expect(readHead(message((view) => { view.setUint16(2, 2); }))?.isPlaceholder).toBe(false);
});

test.each([
  ['another version', (view: DataView) => { view.setUint8(0, 2); }],
  ['another codec', (view: DataView) => { view.setUint8(1, 2); }],
  ['a length that lies', (view: DataView) => { view.setUint32(4, 5); }],
])('%s is not drawn', (_, change) => {
  expect(readHead(message(change))).toBeNull();
});

test.each([0, 31, 32])('%d bytes are no picture', (length) => {
  expect(readHead(new ArrayBuffer(length))).toBeNull();
});

test('what is lost is what is missing between two frames of one stream', () => {
  const losses = new Losses();
  for (const sequence of [5, 6, 9, 10]) {
    losses.drew(sequence);
  }
  expect(losses.lost).toBe(2);
  losses.restart();
  losses.drew(500);
  expect(losses.lost).toBe(2);
  // A server that started anew counts from the beginning.
  losses.drew(1);
  losses.drew(3);
  expect(losses.lost).toBe(3);
});

test('the exchange with the shortest way tells the time', () => {
  const clock = new Clock();
  expect(clock.ahead_ms).toBeNull();
  expect(clock.age_ms(1_000, 900_000)).toBe(100);
  clock.answered(0, 400, 5_300_000);
  expect(clock.ahead_ms).toBe(5_100);
  clock.answered(1_000, 1_010, 6_005_000);
  expect(clock.ahead_ms).toBe(5_000);
  expect(clock.age_ms(2_000, 6_900_000)).toBe(100);
  // An old exchange is forgotten: clocks drift.
  for (let n = 0; n < 8; n += 1) {
    clock.answered(2_000, 2_100, 7_150_000);
  }
  expect(clock.ahead_ms).toBe(5_100);
});
