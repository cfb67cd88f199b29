import { expect, test } from 'vitest';

import { PLAIN, shareOf, viewOf, within, zoomed } from './lens.ts';

const ALL = { zoom: 1, pan: 0, tilt: 0 };
/** A picture of the sensor's shape. */
const SAME = { x: 1, y: 1 };

test('what is under the finger stays there', () => {
  const lens = zoomed(PLAIN, 2, { x: 0.25, y: 0.75 }, 1, 8);
  expect(lens).toEqual({ scale: 2, x: -0.25, y: -0.75 });
  // The point at 0.25 of the picture is drawn at 2 * 0.25 - 0.25.
  expect(lens.scale * 0.25 + lens.x).toBe(0.25);
});

test('no edge comes in, and there is an end to it', () => {
  expect(within({ scale: 2, x: 0.3, y: -3 }, 1, 8)).toEqual({ scale: 2, x: 0, y: -1 });
  expect(zoomed(PLAIN, 100, { x: 0.5, y: 0.5 }, 1, 8)).toEqual({ scale: 8, x: -3.5, y: -3.5 });
  expect(zoomed(PLAIN, 0.1, { x: 0, y: 0 }, 0.5, 8)).toEqual({ scale: 0.5, x: 0.25, y: 0.25 });
});

test('what the page shows is what the camera is asked for', () => {
  expect(viewOf(PLAIN, ALL, 10, SAME)).toEqual(ALL);
  expect(viewOf(zoomed(PLAIN, 2, { x: 0.5, y: 0.5 }, 1, 8), ALL, 10, SAME)).toEqual({ zoom: 2, pan: 0, tilt: 0 });
  expect(viewOf(zoomed(PLAIN, 2, { x: 1, y: 0 }, 1, 8), ALL, 10, SAME)).toEqual({ zoom: 2, pan: 1, tilt: -1 });
  expect(viewOf(zoomed(PLAIN, 2, { x: 0.5, y: 0 }, 1, 8), ALL, 10, SAME)).toEqual({ zoom: 2, pan: 0, tilt: -1 });
});

test('a zoom in a zoom', () => {
  const upperRight = { zoom: 2, pan: 1, tilt: -1 };
  expect(viewOf(PLAIN, upperRight, 10, SAME)).toEqual(upperRight);
  // The left half of the right half ends in the middle: from 0.5 to 0.75 of the sensor.
  expect(viewOf(zoomed(PLAIN, 2, { x: 0, y: 0 }, 0.5, 5), upperRight, 10, SAME)).toEqual({ zoom: 4, pan: 0.333, tilt: -1 });
  expect(viewOf(zoomed(PLAIN, 100, { x: 0, y: 0 }, 0.5, 100), upperRight, 10, SAME).zoom).toBe(10);
});

test('back out of a zoom', () => {
  expect(viewOf(within({ scale: 0.5, x: 0, y: 0 }, 0.5, 8), { zoom: 2, pan: 1, tilt: 1 }, 10, SAME)).toEqual(ALL);
  // Around the middle of what was seen, as far as the sensor goes.
  expect(viewOf(within({ scale: 0.5, x: 0, y: 0 }, 0.25, 8), { zoom: 4, pan: 0, tilt: 1 }, 10, SAME)).toEqual({ zoom: 2, pan: 0, tilt: 1 });
});

test('a picture of another shape than the sensor', () => {
  expect(shareOf(16 / 9, 4 / 3)).toEqual({ x: 1, y: 0.75 });
  const share = shareOf(4 / 3, 16 / 9);
  expect(share).toEqual({ x: 0.75, y: 1 });
  // The middle of the picture is the middle of the sensor.
  expect(viewOf(zoomed(PLAIN, 2, { x: 0.5, y: 0.5 }, 1, 8), ALL, 10, share)).toEqual({ zoom: 2, pan: 0, tilt: 0 });
  // Its right half ends at 0.875 of the sensor: from 0.5, where there is room up to 0.625.
  expect(viewOf(zoomed(PLAIN, 2, { x: 1, y: 0.5 }, 1, 8), ALL, 10, share).pan).toBe(0.6);
});
