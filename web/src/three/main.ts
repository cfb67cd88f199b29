// Starts the 3D view.

import { messagesOf, pickLanguage } from '../i18n/language.ts';
import { ThreePage } from './page.ts';
import { SCENE_WORDS } from './words.ts';

const language = pickLanguage(location.search, navigator.languages);
document.documentElement.lang = language;
const { signal } = new AbortController();
new ThreePage(messagesOf(language), SCENE_WORDS[language], new URLSearchParams(location.search), signal).run();
