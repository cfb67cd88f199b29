// The page in front of the page.

import { messagesOf, pickLanguage } from '../i18n/language.ts';
import { offer } from './form.ts';

const language = pickLanguage(location.search, navigator.languages);
document.documentElement.lang = language;
const t = messagesOf(language);
offer({ title: t.signIn, detail: '', go: t.signIn, url: 'api/v1/session', more: {} }, t);
