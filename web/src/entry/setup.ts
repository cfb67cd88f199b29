// The page that makes the first administrator. The code is behind the `#`, so that no server and no log ever see it in an
// address.

import { send } from '../api/client.ts';
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
    send: (who, signal) => send('POST', '/api/v1/setup', { body: { ...who, code } }, signal),
    // The cameras come next.
    back: '#/settings/first',
  },
  t,
);
