// The page that makes the first administrator. The code is behind the `#`, so that no server and no log ever see it in an
// address.

import { language, t } from '../i18n/current.ts';
import { offer } from './form.ts';

document.documentElement.lang = language;
const code = new URLSearchParams(location.hash.slice(1)).get('code') ?? '';
// Out of the history too.
history.replaceState(null, '', location.pathname);
offer(
  {
    title: t.setUp,
    detail: code === '' ? t.setUpNoCode : t.setUpDetail,
    go: t.setUpGo,
    url: 'api/v1/setup',
    // The cameras come next.
    back: '#/settings/first',
    more: { code },
  },
  t,
);
