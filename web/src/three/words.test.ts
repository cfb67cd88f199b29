import { expect, test } from 'vitest';

import { SCENE_WORDS } from './words.ts';

test('no language leaves a sentence empty', () => {
  for (const words of Object.values(SCENE_WORDS)) {
    expect(Object.entries(words).filter(([, text]) => text === '')).toEqual([]);
    expect(Object.keys(words)).toEqual(Object.keys(SCENE_WORDS.en));
  }
});
