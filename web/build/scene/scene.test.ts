import { NodeIO } from '@gltf-transform/core';
import { FloatType } from 'three';
import { HDRLoader } from 'three/examples/jsm/loaders/HDRLoader.js';
import { expect, test } from 'vitest';

import { monitor } from './monitor.ts';
import { runs, studio } from './studio.ts';

test('the monitor is small, and its node Screen shows the picture upright', async () => {
  const bytes = await monitor();
  expect(bytes.length).toBeLessThan(60_000);
  const file = await new NodeIO().readBinary(bytes);
  const screen = file.getRoot().listNodes().find((node) => node.getName() === 'Screen');
  const part = screen?.getMesh()?.listPrimitives()[0];
  const [position, uv] = [part?.getAttribute('POSITION'), part?.getAttribute('TEXCOORD_0')];
  const corners = Array.from({ length: position?.getCount() ?? 0 }, (_, i) => {
    const [x = 0, y = 0] = position?.getElement(i, []) ?? [];
    return [Math.sign(x), Math.sign(y), ...(uv?.getElement(i, []) ?? [])];
  });
  // Left is u = 0, the top is v = 0.
  expect(corners.sort()).toEqual([[-1, -1, 0, 1], [-1, 1, 0, 0], [1, -1, 1, 1], [1, 1, 1, 0]]);
  const names = file.getRoot().listNodes().map((node) => node.getName());
  expect(new Set(names).size).toBe(names.length);
});

test('the studio is a picture with lamps brighter than white, and small', () => {
  const bytes = studio();
  expect(bytes.length).toBeLessThan(200_000);
  const picture = new HDRLoader().setDataType(FloatType).parse(bytes.slice().buffer);
  expect([picture.width, picture.height]).toEqual([512, 256]);
  const values = [...(picture.data as unknown as Float32Array)];
  const brightest = values.filter((_, i) => i % 4 !== 3).reduce((most, value) => Math.max(most, value));
  expect(brightest).toBeGreaterThan(4);
  expect(values.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
});

test.each([
  [[7, 7, 7, 7], [132, 7]],
  [[1, 2, 3], [3, 1, 2, 3]],
  [[1, 5, 5, 5, 2], [1, 1, 131, 5, 1, 2]],
  [Array<number>(130).fill(9), [255, 9, 131, 9]],
])('runs', (values, want) => {
  expect(runs(Uint8Array.from(values))).toEqual(want);
});
