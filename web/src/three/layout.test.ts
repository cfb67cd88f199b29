import { expect, test } from 'vitest';

import { Shape } from '../api/shape.ts';
import { clamped, firstPlace, parseSite, rounded, verticalAngle, without, withPlaced } from './layout.ts';

const parse = (json: unknown): ReturnType<typeof parseSite> => parseSite(new Shape(json));

const SITE = {
  revision: 3,
  ground: { kind: 'plan', width_m: 12, scale: 1, turn_deg: 0 },
  cameras: [firstPlace('main', 0)],
} as const;

test('what the server keeps is read, and anything else is named', () => {
  expect(parse(JSON.parse(JSON.stringify(SITE)))).toEqual(SITE);
  expect(() => parse({ ...SITE, ground: { ...SITE.ground, kind: 'sea' } })).toThrow('$.ground.kind');
  expect(() => parse({ ...SITE, cameras: [{ ...SITE.cameras[0], at_m: ['1', 2, 3] }] })).toThrow('at_m[0]');
});

test('cameras come, move and go', () => {
  const two = withPlaced(SITE, firstPlace('yard', 1));
  expect(two.cameras.map(({ camera }) => camera)).toEqual(['main', 'yard']);
  const moved = withPlaced(two, { ...firstPlace('main', 0), yaw_deg: 45 });
  expect(moved.cameras.map(({ yaw_deg }) => yaw_deg)).toEqual([45, 0]);
  expect(without(moved, 'main').cameras.map(({ camera }) => camera)).toEqual(['yard']);
  expect(SITE.cameras).toHaveLength(1);
});

test('new cameras do not stand in one another', () => {
  const places = [0, 1, 2, 3, 4].map((others) => firstPlace('x', others).at_m[0]);
  expect(new Set(places).size).toBe(5);
});

test('numbers for people', () => {
  expect(rounded(1.005001, 2)).toBe(1.01);
  expect(Object.is(rounded(-0.001, 2), 0)).toBe(true);
  expect(clamped(NaN, 1, 5)).toBe(1);
  expect(clamped(9, 1, 5)).toBe(5);
  expect(verticalAngle(90, 1)).toBeCloseTo(90);
  expect(verticalAngle(62, 4 / 3)).toBeCloseTo(48.5, 1);
});
