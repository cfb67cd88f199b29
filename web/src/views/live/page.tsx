// The live pictures.

import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';

import './live.css';

import type { ViewProps } from '../../app/views.ts';
import { t } from '../../i18n/current.ts';
import { ICONS, Icon } from '../../kit/icon.tsx';
import { LivePage } from './live.ts';

export default function Live({ rest }: ViewProps): VNode {
  useEffect(() => {
    const stop = new AbortController();
    new LivePage(t, rest[0] ?? null, stop.signal).run();
    return () => { stop.abort(); };
  }, []);
  return (
    <div id="app" class="app">
      <header class="bar top">
        <h1 id="name" class="name" />
        <span id="chooser" class="chooser" hidden>
          <select id="cameras" />
          <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="m7 10 5 5 5-5" /></svg>
        </span>
        <p id="state" class="state" data-tone="busy"><span class="dot" /><span id="state-word" /></p>
      </header>
      <div class="stage">
        <div id="frame" class="frame" data-tone="busy">
          <canvas id="held" width="4" height="3" aria-hidden="true" />
          <div id="notice" class="notice" hidden>
            <span id="spinner" class="spinner" />
            <p id="notice-title" class="notice-title" />
            <p id="notice-detail" class="notice-detail" />
            <p id="notice-retry" class="notice-retry" />
          </div>
          <p id="toast" class="live-toast" role="alert" hidden />
        </div>
      </div>
      <footer class="bar bottom">
        <ul id="facts" class="facts"><li id="age" /><li id="format" /><li id="viewers" /></ul>
        <div class="tools">
          <a id="snapshot" class="tool" href="snapshot" download>
            <Icon paths={ICONS.camera} />
            <span id="snapshot-word" class="word" />
          </a>
          <button id="full-screen" class="tool" type="button">
            <Icon class="enter" paths={ICONS.grow} />
            <Icon class="leave" paths={ICONS.shrink} />
            <span id="full-screen-word" class="word" />
          </button>
        </div>
      </footer>
      <p id="announce" class="unseen" role="status" />
    </div>
  );
}
