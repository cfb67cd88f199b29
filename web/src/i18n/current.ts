// The language of this page, chosen once when it starts: `?lang=`, then what was chosen before, then the browser's wishes.

import { type Language, messagesOf, pickLanguage } from './language.ts';

const KEPT = 'cctv.language';

function kept(): string[] {
  try {
    const chosen = localStorage.getItem(KEPT);
    return chosen === null ? [] : [chosen];
  } catch {
    // A browser that keeps nothing.
    return [];
  }
}

const isPage = typeof location !== 'undefined';

export const language: Language = isPage ? pickLanguage(location.search, [...kept(), ...navigator.languages]) : 'en';

/** The words of the shell and of the shared pieces; each view brings its own. */
export const t = messagesOf(language);

/** Picks from words in both languages. */
export function spoken<T>(words: Readonly<Record<Language, T>>): T {
  return words[language];
}

/** From the next start of the page on. */
export function keepLanguage(chosen: Language): void {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // Nothing is kept, then.
  }
}
