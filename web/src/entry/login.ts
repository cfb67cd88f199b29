// The page in front of the page.

import { language, t } from '../i18n/current.ts';
import { offer } from './form.ts';

document.documentElement.lang = language;
offer({ title: t.logIn, detail: '', go: t.logIn, url: 'api/v1/session', back: location.hash, more: {} }, t);
