// The page in front of the page.

import { language, t } from '../i18n/current.ts';
import { offer } from './form.ts';

document.documentElement.lang = language;
offer({ title: t.signIn, detail: '', go: t.signIn, url: 'api/v1/session', back: location.hash, more: {} }, t);
