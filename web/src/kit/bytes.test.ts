import { expect, test } from 'vitest';

import { bytes } from './bytes.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 kB'],
  [12_345, '12.3 kB'],
  [123_456, '123 kB'],
  [7_900_000_000, '7.9 GB'],
])('%d is %s', (amount, words) => {
  expect(bytes(amount)).toBe(words);
});
