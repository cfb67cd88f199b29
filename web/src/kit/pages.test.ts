import { expect, test } from 'vitest';

import { merged } from './pages.ts';

test.each([
  ['', '', ''],
  ['', '3 2', '3 2'],
  ['3 2 1', '5 4 3', '5 4 3 2 1'],
  ['9 8', '3 2', '9 8 3 2'],
])('%j and %j are %j', (known, newer, want) => {
  const list = (text: string): { id: number }[] => text.split(' ').filter((id) => id !== '').map((id) => ({ id: Number(id) }));
  expect(merged(list(known), list(newer)).map(({ id }) => id).join(' ')).toBe(want);
});

test('what is newer is what is kept', () => {
  expect(merged([{ id: 1, ended: false }], [{ id: 1, ended: true }])).toEqual([{ id: 1, ended: true }]);
});
