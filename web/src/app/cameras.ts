// The cameras and how they are doing: asked for by whoever shows them, once for all of them, and only while the page is in
// sight.

import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { childOf } from '../api/abort.ts';
import type { Camera } from '../api/types.ts';
import { CamerasWatch } from '../api/watch.ts';
import { lookForUpdate } from '../offline/update.ts';
import { toLogin } from './session.ts';

/** A tab out of sight keeps its place this long: switching back and forth costs nothing. */
const HIDDEN_GRACE_MS = 10_000;

/** The page is in sight, or was a moment ago: what costs the server something may go on. */
export const isAwake = signal(true);

/** Moves when the machine may have slept, or the network changed: a connection from before may be dead without saying so. */
export const woke = signal(0);

/** The cameras as the server last described them; none before its first answer. */
export const cameras = signal<readonly Camera[] | null>(null);

const listeners = new Set<(recovered: boolean) => void>();
const users = signal(0);

export const watch = new CamerasWatch((recovered) => {
  cameras.value = watch.latest?.cameras ?? null;
  if (watch.failure?.reason === 'refused' && watch.failure.status === 401) {
    toLogin();
    return;
  }
  for (const listener of listeners) {
    listener(recovered);
  }
  if (recovered) {
    lookForUpdate();
  }
});

/** Called after each answer and each failure; `recovered` after the first answer behind a failure. */
export function onCameras(listener: (recovered: boolean) => void, signal: AbortSignal): void {
  listeners.add(listener);
  signal.addEventListener('abort', () => { listeners.delete(listener); });
}

/** Has the cameras asked for until the returned function is called. */
export function needCameras(): () => void {
  users.value += 1;
  return () => { users.value -= 1; };
}

/** Has the cameras asked for while this is drawn. */
export function useCameras(): readonly Camera[] | null {
  useEffect(needCameras, []);
  return cameras.value;
}

/** Begins to look whether the page is in sight; once, at its start. */
export function followSight(): void {
  let hiding: ReturnType<typeof setTimeout> | undefined;
  const stir = (): void => {
    woke.value += 1;
    watch.askNow();
  };
  const wake = (): void => {
    clearTimeout(hiding);
    isAwake.value = true;
    stir();
  };
  const sleep = (): void => { isAwake.value = false; };
  const look = (): void => {
    if (document.visibilityState === 'visible') {
      wake();
    } else {
      clearTimeout(hiding);
      hiding = setTimeout(sleep, HIDDEN_GRACE_MS);
    }
  };
  document.addEventListener('visibilitychange', look);
  // A page kept for the back button must not keep its place at the camera.
  window.addEventListener('pagehide', sleep);
  window.addEventListener('pageshow', look);
  window.addEventListener('online', stir);
  // What telephones say when they let a page go on that they had stopped.
  document.addEventListener('resume', stir);
  if (document.visibilityState !== 'visible') {
    look();
  }

  const { signal: never } = new AbortController();
  let asking: AbortController | null = null;
  effect(() => {
    const isWanted = isAwake.value && users.value > 0;
    if (isWanted && asking === null) {
      asking = childOf(never);
      void watch.run(asking.signal);
    } else if (!isWanted) {
      asking?.abort();
      asking = null;
    }
  });
}
