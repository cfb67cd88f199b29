// Which language the page speaks: `?lang=` first, then the browser's wishes in their order, then English.

import { en, ko, type Messages } from './messages.ts';

export type Language = 'en' | 'ko';

export function pickLanguage(search: string, wishes: readonly string[]): Language {
  const asked = new URLSearchParams(search).get('lang');
  for (const wish of asked === null ? wishes : [asked, ...wishes]) {
    const primary = wish.toLowerCase().split('-')[0];
    if (primary === 'en' || primary === 'ko') {
      return primary;
    }
  }
  return 'en';
}

export function messagesOf(language: Language): Messages {
  switch (language) {
    case 'en':
      return en;
    case 'ko':
      return ko;
    default:
      return language satisfies never;
  }
}
