import { expect, test } from 'vitest';

import { stretch, surfaceRatio, uvBounds } from './fit.ts';

test.each([
  // A wide picture on a narrow screen: bars above and below, or its sides cut off.
  [16 / 9, 4 / 3, 'contain', [1, 4 / 3]],
  [16 / 9, 4 / 3, 'cover', [3 / 4, 1]],
  [4 / 3, 16 / 9, 'contain', [4 / 3, 1]],
  [4 / 3, 16 / 9, 'cover', [1, 3 / 4]],
  [4 / 3, 4 / 3, 'contain', [1, 1]],
  [4 / 3, 4 / 3, 'cover', [1, 1]],
] as const)('a picture of %d on a screen of %d, %s', (picture, screen, fit, want) => {
  const [x, y] = stretch(picture, screen, fit);
  expect(x).toBeCloseTo(want[0]);
  expect(y).toBeCloseTo(want[1]);
});

/** A rectangle of 1.6 by 1.2 somewhere in space. */
const CORNERS = [0, 0, 5, 1.6, 0, 5, 1.6, 1.2, 5, 0, 1.2, 5];
const TRIANGLES = [0, 1, 2, 0, 2, 3];

test.each([
  ['upright', [0, 1, 1, 1, 1, 0, 0, 0], 4 / 3],
  ['lying on its side', [0, 0, 0, 1, 1, 1, 1, 0], 3 / 4],
  ['a quarter of the texture', [0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0], 4 / 3],
  ['mirrored', [1, 1, 0, 1, 0, 0, 1, 0], 4 / 3],
] as const)('proportions of a surface, %s', (_, uvs, want) => {
  const ratio = surfaceRatio(CORNERS, uvs, TRIANGLES);
  const { size } = uvBounds(uvs);
  expect(((ratio ?? NaN) * size[0]) / size[1]).toBeCloseTo(want);
});

test('a surface without texture coordinates has no proportions', () => {
  expect(surfaceRatio(CORNERS, [0, 0, 0, 0, 0, 0, 0, 0], TRIANGLES)).toBeNull();
  expect(uvBounds([0.3, 0.3, 0.3, 0.3])).toEqual({ min: [0.3, 0.3], size: [1, 1] });
});
