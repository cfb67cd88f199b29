// Starts the 3D view.

import { followSight } from '../app/cameras.ts';
import { language, t } from '../i18n/current.ts';
import { ThreePage } from './page.ts';
import { SCENE_WORDS } from './words.ts';

document.documentElement.lang = language;
const { signal } = new AbortController();
followSight();
new ThreePage(t, SCENE_WORDS[language], new URLSearchParams(location.search), signal).run();
