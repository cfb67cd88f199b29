// Starts the page.

import { messagesOf, pickLanguage } from './i18n/language.ts';
import { LivePage } from './ui/live.ts';

const language = pickLanguage(location.search, navigator.languages);
document.documentElement.lang = language;

const camera = new URLSearchParams(location.search).get('camera');
new LivePage(messagesOf(language), camera, new AbortController().signal).run();
