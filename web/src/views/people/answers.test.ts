import { expect, test } from 'vitest';

import { answerWords } from './answers.ts';
import { en, ko } from './messages.ts';

test.each([
  ['`allow`: `x` is no network: expected something like `192.168.1.0/24` or `fd00::/8`', /^`x` is no network/, /^`x`은\(는\) 네트워크가 아닙니다/],
  ['There has to be an administrator: make another one first.', /^There has to be/, /^관리자가 한 명은/],
  ['`allow`: this would shut you out: you come from 10.0.0.7', /^This would/, /10\.0\.0\.7$/],
  ['A password has 8 to 256 bytes.', /^A password/, /여야 합니다\.$/],
  ['Something new.', /^Something new\.$/, /^Something new\.$/],
])('%j', (detail, english, korean) => {
  const failure = { reason: 'refused', status: 422, detail } as const;
  expect(answerWords(failure, en.answers)).toMatch(english);
  expect(answerWords(failure, ko.answers)).toMatch(korean);
});
