import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Backoff } from './backoff.ts';
import { Nap } from './nap.ts';

test('waits 1, 2, 5, then 10 seconds for ever, and begins anew after a success', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 6 }, () => backoff.next());
  expect(waits).toEqual([1_000, 2_000, 5_000, 10_000, 10_000, 10_000]);
  backoff.reset();
  expect(backoff.next()).toBe(1_000);
});

describe('a nap', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  async function ended(sleep: Promise<void>): Promise<boolean> {
    let done = false;
    void sleep.then(() => { done = true; });
    await vi.advanceTimersByTimeAsync(0);
    return done;
  }

  test('ends when its time is over', async () => {
    const sleep = new Nap().sleep(1_000, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(999);
    expect(await ended(sleep)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await ended(sleep)).toBe(true);
  });

  test('ends when it is woken, also beforehand, but only once', async () => {
    const nap = new Nap();
    const { signal } = new AbortController();
    const first = nap.sleep(1_000, signal);
    expect(await ended(first)).toBe(false);
    nap.wake();
    expect(await ended(first)).toBe(true);
    nap.wake();
    expect(await ended(nap.sleep(1_000, signal))).toBe(true);
    expect(await ended(nap.sleep(1_000, signal))).toBe(false);
  });

  test('ends on abort and leaves no timer behind', async () => {
    const stop = new AbortController();
    const sleep = new Nap().sleep(1_000, stop.signal);
    stop.abort();
    expect(await ended(sleep)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    expect(await ended(new Nap().sleep(1_000, stop.signal))).toBe(true);
  });
});
