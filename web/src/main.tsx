// Starts the page.

import { render } from 'preact';

import './ui/style.css';
import './kit/kit.css';
import './app/shell.css';

import { followSight } from './app/cameras.ts';
import { followAddress } from './app/router.ts';
import { enter } from './app/session.ts';
import { Shell } from './app/shell.tsx';
import { language } from './i18n/current.ts';
import { keepFiles } from './offline/update.ts';
import { element } from './ui/dom.ts';

document.documentElement.lang = language;
followAddress();
followSight();
// Who it is decides what there is to see: asked before anything is drawn, so that nothing jumps.
if (await enter(new AbortController().signal)) {
  render(<Shell />, element('root', HTMLDivElement));
  keepFiles();
}
