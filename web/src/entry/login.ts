// The page in front of the page.

import { send } from '../api/client.ts';
import { language, t } from '../i18n/current.ts';
import { offer } from './form.ts';

// One of ours, by its name.
const page = new URLSearchParams(location.search).get('to') === 'api-docs' ? 'api-docs' : '';
document.documentElement.lang = language;
offer({
  title: t.logIn,
  detail: '',
  go: t.logIn,
  send: (body, signal) => send('POST', '/api/v1/session', { body }, signal),
  back: page + location.hash,
}, t);
