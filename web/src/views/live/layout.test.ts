import { expect, test } from 'vitest';

import { inOrder, layoutOf, moved, widthFor } from './layout.ts';

test.each([
  [1, 390, 700, 1, 390],
  [2, 390, 700, 1, 390],
  // Upright, what would leave much of the width empty scrolls instead.
  [4, 390, 700, 2, 390],
  [2, 1200, 700, 2, 1200],
  [4, 1200, 700, 2, 932],
  [5, 1200, 700, 3, 1200],
  [9, 1200, 700, 3, 930],
  [16, 1200, 700, 4, 929],
  [16, 760, 340, 5, 760],
  [16, 360, 560, 2, 360],
  [40, 360, 560, 2, 360],
])('%d pictures on %d by %d: %d columns, %d wide', (count, width, height, columns, wide_px) => {
  expect(layoutOf(count, width, height, 4 / 3, 4)).toEqual({ columns, wide_px });
});

test('the order that was kept, then what is new', () => {
  expect(inOrder(['a', 'b', 'c'], [])).toEqual(['a', 'b', 'c']);
  expect(inOrder(['a', 'b', 'c', 'd'], ['c', 'gone', 'a', 'c'])).toEqual(['c', 'a', 'b', 'd']);
});

test('one is moved, and no further than there is room', () => {
  expect(moved(['a', 'b', 'c'], 'a', 2)).toEqual(['b', 'c', 'a']);
  expect(moved(['a', 'b', 'c'], 'c', 0)).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b', 'c'], 'b', 9)).toEqual(['a', 'c', 'b']);
  expect(moved(['a', 'b', 'c'], 'b', -1)).toEqual(['b', 'a', 'c']);
});

test('a small place asks for small pictures', () => {
  expect(widthFor('auto', 2000, 640, undefined)).toBeUndefined();
  expect(widthFor('auto', 700, 640, undefined)).toBeUndefined();
  expect(widthFor('auto', 320, 640, undefined)).toBe(320);
  expect(widthFor('auto', 100, 640, undefined)).toBe(160);
  expect(widthFor('half', 2000, 640, undefined)).toBe(320);
  expect(widthFor('quarter', 2000, 640, undefined)).toBe(160);
  expect(widthFor('full', 10, 640, 160)).toBeUndefined();
});

test('what gives the same pictures is not asked for anew', () => {
  const asked = widthFor('auto', 300, null, undefined);
  expect(asked).toBe(250);
  expect(widthFor('auto', 300, 640, asked)).toBe(250);
  expect(widthFor('auto', 380, 640, 250)).toBe(250);
  expect(widthFor('auto', 900, 640, 250)).toBeUndefined();
});
