import { expect, test } from 'vitest';

import { parseHead } from './head.ts';

function message(change: (view: DataView) => void = () => undefined, bytes = 5): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(32 + bytes));
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(2, 2);
  view.setUint32(4, bytes);
  view.setBigUint64(8, 77n);
  view.setBigUint64(16, 1_767_225_600_123_456n);
  view.setUint16(24, 640);
  view.setUint16(26, 480);
  change(view);
  return view.buffer;
}

test('the head of a picture', () => {
  expect(parseHead(message())).toEqual({
    placeholder: false, sequence: 77n, captured_ms: 1_767_225_600_123.456, width_px: 640, height_px: 480,
  });
  expect(parseHead(message((view) => { view.setUint16(2, 3); }))?.placeholder).toBe(true);
});

test.each<[string, ArrayBuffer]>([
  ['a later layout', message((view) => { view.setUint8(0, 2); })],
  ['another codec', message((view) => { view.setUint8(1, 2); })],
  ['a length that is not so', message((view) => { view.setUint32(4, 6); })],
  ['no picture', message(undefined, 0)],
  ['nothing', new ArrayBuffer(0)],
])('%s is left out', (_, bytes) => {
  expect(parseHead(bytes)).toBeNull();
});
