// Full screen, or, on phones whose browser does not offer it, the whole window. The controls step back when nobody moves.

import { type ReadonlySignal, useSignal } from '@preact/signals';
import type { RefObject, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { isImmersive } from '../../app/shell.tsx';
import { t } from '../../i18n/current.ts';
import { ICONS, Icon } from '../../kit/icon.tsx';

const STEP_BACK_MS = 3_000;

export type FullScreen = {
  readonly place: RefObject<HTMLDivElement | null>;
  readonly isOn: ReadonlySignal<boolean>;
  readonly toggle: () => void;
};

/** `place` fills the screen; it has the class `quiet` while nobody moves. */
export function useFullScreen(): FullScreen {
  const place = useRef<HTMLDivElement>(null);
  const isOn = useSignal(false);
  const set = (on: boolean): void => {
    isOn.value = on;
    isImmersive.value = on;
    place.current?.classList.toggle('immersive', on);
  };
  useEffect(() => {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stir = (): void => {
      place.current?.classList.remove('quiet');
      clearTimeout(timer);
      timer = setTimeout(() => place.current?.classList.add('quiet'), STEP_BACK_MS);
    };
    document.addEventListener('fullscreenchange', () => {
      set(document.fullscreenElement !== null);
      stir();
    }, options);
    document.addEventListener('keydown', (event) => {
      stir();
      if (event.key === 'Escape' && document.fullscreenElement === null) {
        set(false);
      }
    }, options);
    for (const kind of ['pointermove', 'pointerdown', 'focusin'] as const) {
      document.addEventListener(kind, stir, options);
    }
    stir();
    return () => {
      stop.abort();
      clearTimeout(timer);
      if (document.fullscreenElement !== null) {
        void document.exitFullscreen();
      }
      set(false);
    };
  }, []);
  const toggle = (): void => {
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
    } else if (isOn.value) {
      set(false);
    } else if (document.fullscreenEnabled) {
      // All of the page: what is said at its edge belongs to it, and dialogs open in it.
      document.documentElement.requestFullscreen().catch(() => { set(true); });
    } else {
      set(true);
    }
  };
  return { place, isOn, toggle };
}

export function FullScreenButton({ fullScreen }: { fullScreen: FullScreen }): VNode {
  const word = fullScreen.isOn.value ? t.leaveFullScreen : t.fullScreen;
  return (
    <button id="full-screen" class="tool" type="button" title={word} onClick={fullScreen.toggle}>
      <Icon paths={fullScreen.isOn.value ? ICONS.shrink : ICONS.grow} />
      <span class="word">{word}</span>
    </button>
  );
}
