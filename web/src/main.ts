// Starts the page.

import { messagesOf, pickLanguage } from './i18n/language.ts';
import { showAccount } from './ui/account.ts';
import { LivePage } from './ui/live.ts';

const language = pickLanguage(location.search, navigator.languages);
document.documentElement.lang = language;

const camera = new URLSearchParams(location.search).get('camera');
const { signal } = new AbortController();
const messages = messagesOf(language);
void showAccount(messages, signal);
new LivePage(messages, camera, signal).run();
