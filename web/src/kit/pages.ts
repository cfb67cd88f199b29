// A list that is longer than one answer: the newest entries, looked at again and again, and older ones when they are wanted.

import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import type { Failure, Outcome } from '../api/types.ts';
import { toLogin } from '../app/session.ts';
import { useAsked } from './asked.ts';

type Numbered = { readonly id: number };

export type Pages<T> = {
  /** The newest first; none before the first answer. */
  readonly items: ReadonlySignal<readonly T[] | null>;
  readonly failure: ReadonlySignal<Failure | null>;
  readonly hasOlder: ReadonlySignal<boolean>;
  readonly isBusy: ReadonlySignal<boolean>;
  readonly older: () => void;
  readonly again: () => void;
};

/** What was known, with what is newer of it, the highest number first. */
export function merged<T extends Numbered>(known: readonly T[], newer: readonly T[]): T[] {
  const byId = new Map(known.map((item) => [item.id, item]));
  for (const item of newer) {
    byId.set(item.id, item);
  }
  return [...byId.values()].sort((a, b) => b.id - a.id);
}

/** `ask` gives at most `size` entries with numbers below `before`. `key`: begins anew when it changes. */
export function usePages<T extends Numbered>(
  ask: (before: number | null, signal: AbortSignal) => Promise<Outcome<readonly T[]>>,
  size: number,
  every_ms: number,
  key = '',
): Pages<T> {
  const items = useSignal<readonly T[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  const hasOlder = useSignal(false);
  const isBusy = useSignal(false);
  const stop = useRef(new AbortController());
  const first = useAsked((signal) => ask(null, signal), every_ms, key);
  useEffect(() => {
    stop.current = new AbortController();
    items.value = null;
    return () => { stop.current.abort(); };
  }, [key]);
  useEffect(() => first.value.subscribe((newest) => {
    if (newest === null) {
      return;
    }
    const known = items.peek();
    if (known === null) {
      items.value = newest;
      hasOlder.value = newest.length >= size;
    } else if (newest.length >= size && newest.every((item) => known[0] !== undefined && item.id > known[0].id)) {
      // So much is new that a part in between is not known.
      items.value = newest;
      hasOlder.value = true;
    } else {
      items.value = merged(known, newest);
    }
  }), [key]);
  useEffect(() => first.failure.subscribe((now) => { failure.value = now; }), [key]);
  const older = async (): Promise<void> => {
    const known = items.peek() ?? [];
    const last = known.at(-1);
    if (last === undefined || isBusy.peek()) {
      return;
    }
    isBusy.value = true;
    const { signal } = stop.current;
    const answer = await ask(last.id, signal);
    isBusy.value = false;
    if (signal.aborted) {
      return;
    }
    if (answer.kind === 'ok') {
      items.value = merged(items.peek() ?? [], answer.value);
      hasOlder.value = answer.value.length >= size;
    } else if (answer.kind === 'failed') {
      if (answer.failure.reason === 'refused' && answer.failure.status === 401) {
        toLogin();
      }
      failure.value = answer.failure;
    }
  };
  return { items, failure, hasOlder, isBusy, older: () => { void older(); }, again: first.again };
}
