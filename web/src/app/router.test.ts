import { expect, test } from 'vitest';

import { href, parsePlace } from './router.ts';

test.each([
  ['', []],
  ['#', []],
  ['#/', []],
  ['#/live', ['live']],
  ['#/live/a%2Fb%20c', ['live', 'a/b c']],
  ['#live/%', ['live', '%']],
])('%s', (hash, parts) => {
  expect(parsePlace(hash).parts).toEqual(parts);
});

test('what is behind the question mark', () => {
  expect(parsePlace('#/incidents?camera=yard&x=a%20b').query.get('x')).toBe('a b');
});

test('an address leads back to its parts, whatever is in them', () => {
  const parts = ['live', '../<b>?#/%20'];
  expect(parsePlace(href(...parts)).parts).toEqual(parts);
});
