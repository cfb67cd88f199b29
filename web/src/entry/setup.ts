// The page that makes the first administrator. The code is behind the `#`, so that no server and no log ever see it in an
// address.

import { messagesOf, pickLanguage } from '../i18n/language.ts';
import { offer } from './form.ts';

const language = pickLanguage(location.search, navigator.languages);
document.documentElement.lang = language;
const t = messagesOf(language);
const code = new URLSearchParams(location.hash.slice(1)).get('code') ?? '';
// Out of the history too.
history.replaceState(null, '', location.pathname);
offer(
  {
    title: t.setUp,
    detail: code === '' ? t.setUpNoCode : t.setUpDetail,
    go: t.setUpGo,
    url: 'api/v1/setup',
    more: { code },
  },
  t,
);
