import { expect, test } from 'vitest';

import { en, ko } from './messages.ts';
import { stepWords } from './words.ts';

test.each([
  ['started again after 5 s: the camera sent nothing', '5초 뒤 다시 시작했습니다.'],
  ['stopped: it was removed', '카메라가 삭제되었습니다.'],
  ['stopped: the moon is full', '카메라가 중지되었습니다.'],
  ['something of a newer server', 'something of a newer server'],
])('%j is %j', (what, words) => {
  expect(stepWords(what, ko.steps)).toBe(words);
  expect(stepWords(what, en.steps)).toBe(what);
});

test('every cause that has a sentence has advice', async () => {
  const { KO } = await import('../../i18n/causes.ts');
  expect([...KO.keys()].filter((cause) => ko.advice[cause] === undefined)).toEqual([]);
});
