import { expect, test } from 'vitest';

import { Stillness } from './stillness.ts';

/** One letter per second: the picture seen then. Returns the seconds at which the stream was started anew. */
function restarts(pictures: string, frame_ms = 50): number[] {
  const stillness = new Stillness(frame_ms);
  const at: number[] = [];
  stillness.restart(0);
  Array.from(pictures).forEach((picture, second) => {
    stillness.see(picture.charCodeAt(0), second * 1_000);
    if (stillness.isStuck(second * 1_000)) {
      at.push(second);
      stillness.gaveUp();
      stillness.restart(second * 1_000);
    }
  });
  return at;
}

test('a picture that changes is left alone', () => {
  expect(restarts('abcdefghijklmnopqrstuvwxyz')).toEqual([]);
  expect(restarts('aaaabbbbaaaabbbbaaaa')).toEqual([]);
});

test('one that stands still is started anew after six seconds', () => {
  expect(restarts('abcccccccc')).toEqual([8]);
});

test('one that stands still after every restart is asked less and less', () => {
  expect(restarts('a'.repeat(400))).toEqual([6, 18, 42, 90, 186, 282, 378]);
});

test('a change brings the patience back', () => {
  expect(restarts('aaaaaaaaaaab' + 'b'.repeat(6))).toEqual([6, 17]);
});

test('a slow camera has more time', () => {
  expect(restarts('aaaaaaaaaabbbbbbbbbb', 5_000)).toEqual([]);
  expect(restarts('a'.repeat(25), 5_000)).toEqual([20]);
});

test('a picture that should move is suspicious after three seconds, one that never moves is not', () => {
  const stillness = new Stillness(50);
  stillness.restart(0);
  stillness.see(1, 0);
  expect(stillness.suspicious_ms(2_900)).toBeNull();
  expect(stillness.suspicious_ms(3_100)).toBe(3_100);
  stillness.gaveUp();
  stillness.restart(6_000);
  stillness.see(1, 6_000);
  expect(stillness.suspicious_ms(10_000)).toBeNull();
  stillness.see(2, 11_000);
  expect(stillness.suspicious_ms(14_500)).toBe(3_500);
});
