// The frame around the views: where one can go, and what is said from anywhere.

import { signal, useSignal } from '@preact/signals';
import type { ComponentType, VNode } from 'preact';
import { useEffect } from 'preact/hooks';

import { language, t } from '../i18n/current.ts';
import { Dialog, Questions } from '../kit/dialog.tsx';
import { ICONS, Icon } from '../kit/icon.tsx';
import { Empty, Waiting } from '../kit/pieces.tsx';
import { Toasts } from '../kit/toasts.tsx';
import { isOutdated } from '../offline/update.ts';
import { href, place } from './router.ts';
import { leave, session } from './session.ts';
import { type View, type ViewProps, views } from './views.ts';

/** Entries that fit at the foot of a phone; the rest is behind the last one. */
const FOOT_ENTRIES = 5;

/** A view that fills the screen asks for the frame to step aside. */
export const isImmersive = signal(false);

const loaded = new Map<View, ComponentType<ViewProps>>();

export function Shell(): VNode {
  const mine = views.filter((view) => view.may(session.value));
  const [path = mine[0]?.path, ...rest] = place.value.parts;
  const view = mine.find((one) => one.path === path);
  return (
    <div class={isImmersive.value ? 'shell immersive' : 'shell'}>
      <div class="page">
        {session.value?.by === 'nothing' ? <p id="login-off" class="login-off" role="note">{t.loginOff}</p> : null}
        <main class="view">
          {view === undefined
            ? <Empty title={t.noSuchView} text={t.noSuchViewDetail}><a class="button" href={href()}>{t.toStart}</a></Empty>
            : <Opened key={view.path} view={view} rest={rest} query={place.value.query} />}
        </main>
      </div>
      <Navigation mine={mine} current={view} />
      <Toasts>{isOutdated.value ? <NewVersion /> : null}</Toasts>
      <Questions />
    </div>
  );
}

/** Said quietly: nobody is torn away from what they watch. */
function NewVersion(): VNode {
  return (
    <p id="new-version" class="toast toast-asks" role="status">
      <span>{t.newVersion}</span>
      <button type="button" onClick={() => { location.reload(); }}>{t.reload}</button>
      <button type="button" onClick={() => { isOutdated.value = false; }}>{t.later}</button>
    </p>
  );
}

/** A view comes over the line when it is opened first. */
function Opened({ view, rest, query }: ViewProps & { view: View }): VNode {
  const state = useSignal<'loading' | 'here' | 'lost'>(loaded.has(view) ? 'here' : 'loading');
  useEffect(() => {
    if (state.value === 'loading') {
      view.load().then(
        (module) => {
          loaded.set(view, module.default);
          state.value = 'here';
        },
        // Most likely the server is a newer one by now, and has its files under other names.
        () => { state.value = 'lost'; },
      );
    }
    document.title = `${view.title[language]} · my-cctv-server`;
  }, [view]);
  const Content = loaded.get(view);
  if (state.value === 'lost') {
    return (
      <Empty title={t.notLoaded} text={t.viewLost}>
        <button type="button" class="button" onClick={() => { location.reload(); }}>{t.reload}</button>
      </Empty>
    );
  }
  return Content === undefined ? <Waiting /> : <Content rest={rest} query={query} />;
}

function Navigation({ mine, current }: { mine: readonly View[]; current: View | undefined }): VNode {
  const isOpen = useSignal(false);
  const canLeave = session.value?.by === 'session';
  const isMore = mine.length > FOOT_ENTRIES || canLeave;
  const foot = isMore ? FOOT_ENTRIES - 1 : FOOT_ENTRIES;
  const isBehind = current !== undefined && mine.indexOf(current) >= foot;
  const entry = (view: View, index: number, close?: () => void): VNode => (
    <a
      key={view.path}
      class={index >= foot ? 'nav-entry nav-rest' : 'nav-entry'}
      href={href(view.path)}
      aria-current={view === current ? 'page' : undefined}
      onClick={close}
    >
      <Icon paths={view.icon} />
      <span>{view.title[language]}</span>
    </a>
  );
  const signOut = (
    <button type="button" class="nav-entry nav-out" title={session.value?.name} onClick={() => void leave()}>
      <Icon paths={ICONS.out} />
      <span>{t.signOut}</span>
    </button>
  );
  const close = (): void => { isOpen.value = false; };
  return (
    <nav class="nav" aria-label={t.views}>
      {mine.map((view, index) => entry(view, index))}
      {canLeave ? signOut : null}
      {isMore
        ? (
          <button
            type="button"
            class="nav-entry nav-more"
            aria-haspopup="dialog"
            aria-current={isBehind ? 'page' : undefined}
            onClick={() => { isOpen.value = true; }}
          >
            <Icon paths={ICONS.more} />
            <span>{t.more}</span>
          </button>
        )
        : null}
      {isOpen.value
        ? (
          <Dialog title={session.value?.name ?? t.more} onClose={close}>
            <div class="nav-list">
              {mine.slice(foot).map((view) => entry(view, 0, close))}
              {canLeave ? signOut : null}
            </div>
          </Dialog>
        )
        : null}
    </nav>
  );
}
