// What is wrong with a picture, in words over it.

import type { VNode } from 'preact';

import { t } from '../../i18n/current.ts';
import type { Screen } from './screen.ts';
import { retryWords, type Wording } from './wording.ts';

export function Notice({ screen, words, id }: { screen: Screen; words: Wording; id?: string }): VNode | null {
  if (words.tone === 'good') {
    return null;
  }
  return (
    <div id={id} class="notice">
      <span class="spinner" />
      {/* A strip at the edge repeats nothing that the state above already says. */}
      <p class="notice-title">{words.tone === 'warn' ? '' : words.title}</p>
      <p class="notice-detail">{words.detail}</p>
      <p id={id === undefined ? undefined : `${id}-retry`} class="notice-retry">{retryWords(screen, t)}</p>
    </div>
  );
}
