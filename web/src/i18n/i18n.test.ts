import { expect, test } from 'vitest';

import { duration } from './duration.ts';
import { pickLanguage } from './language.ts';
import { en, ko } from './messages.ts';

test.each([
  ['', [], 'en'],
  ['', ['ko-KR', 'en'], 'ko'],
  ['', ['KO'], 'ko'],
  ['', ['de-DE', 'ko', 'en'], 'ko'],
  ['', ['fr'], 'en'],
  ['?lang=ko', ['en-GB'], 'ko'],
  ['?lang=en', ['ko'], 'en'],
  ['?lang=xx', ['ko'], 'ko'],
  ['?lang=', ['en'], 'en'],
] as const)('?lang= before the wishes of the browser: "%s" %j', (search, wishes, language) => {
  expect(pickLanguage(search, wishes)).toBe(language);
});

test.each([
  [-20, 'under 0.1 s'],
  [35, 'under 0.1 s'],
  [340, '0.3 s'],
  [949, '0.9 s'],
  [960, '1 s'],
  [9_900, '10 s'],
  [59_600, '60 s'],
  [89_000, '89 s'],
  [90_000, '2 min'],
  [5_400_000, '2 h'],
])('%d ms are %s', (ms, words) => {
  expect(duration(ms, en)).toBe(words);
});

type Words = Readonly<Record<string, unknown>>;

const views = import.meta.glob<{ readonly en: Words; readonly ko: Words }>('../views/*/messages.ts', { eager: true });

test.each([['shell', { en, ko }], ...Object.entries(views)])('no language leaves a hole: %s', (_, words: { en: Words; ko: Words }) => {
  expect(Object.keys(words.ko).sort()).toEqual(Object.keys(words.en).sort());
  for (const language of [words.en, words.ko]) {
    expect(Object.entries(language).filter(([, text]) => text === '')).toEqual([]);
  }
});
