// What a view asks the server for: loaded when it opens, and again when it is wanted.

import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { toLogin } from '../app/session.ts';
import type { Failure, Outcome } from '../api/types.ts';

export type Asked<T> = {
  /** The last good answer; stays while a newer one is on its way or fails. */
  readonly value: ReadonlySignal<T | null>;
  /** What went wrong since then. */
  readonly failure: ReadonlySignal<Failure | null>;
  readonly again: () => void;
};

/** `every_ms`: asks again and again, while the page is visible. `key`: asks anew when it changes. */
export function useAsked<T>(ask: (signal: AbortSignal) => Promise<Outcome<T>>, every_ms?: number, key = ''): Asked<T> {
  const value = useSignal<T | null>(null);
  const failure = useSignal<Failure | null>(null);
  const latest = useRef(ask);
  latest.current = ask;
  const now = useRef((): void => undefined);
  useEffect(() => {
    const stop = new AbortController();
    const load = async (): Promise<void> => {
      const answer = await latest.current(stop.signal);
      if (answer.kind === 'ok') {
        value.value = answer.value;
        failure.value = null;
      } else if (answer.kind === 'failed') {
        if (answer.failure.reason === 'refused' && answer.failure.status === 401) {
          toLogin();
        }
        failure.value = answer.failure;
      }
    };
    now.current = () => { void load(); };
    value.value = null;
    void load();
    const timer = every_ms === undefined ? undefined : setInterval(() => {
      if (document.visibilityState === 'visible') {
        void load();
      }
    }, every_ms);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [every_ms, key]);
  return { value, failure, again: () => { now.current(); } };
}
