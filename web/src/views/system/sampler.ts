// Looks at the server again and again. Begins when the view is first opened, and goes on while this page is open and in
// sight, so that whoever comes back to the view finds no hole. Nothing is kept anywhere else: a reload begins anew.

import { effect, signal } from '@preact/signals';

import { getCameraCounts, getSystem } from '../../api/system.ts';
import type { Failure } from '../../api/types.ts';
import { isAwake } from '../../app/cameras.ts';
import { toLogin } from '../../app/session.ts';
import { kept, type Look, type Point, pointOf } from './history.ts';

const EVERY_MS = 4_000;

export const latest = signal<Look | null>(null);
export const points = signal<readonly Point[]>([]);
export const failure = signal<Failure | null>(null);

const never = new AbortController().signal;
let isBusy = false;
let timer: ReturnType<typeof setInterval> | undefined;
let isFollowing = false;

export async function look(): Promise<void> {
  if (isBusy) {
    return;
  }
  isBusy = true;
  const [system, cameras] = await Promise.all([getSystem(never), getCameraCounts(never)]);
  isBusy = false;
  for (const answer of [system, cameras]) {
    if (answer.kind === 'failed') {
      failure.value = answer.failure;
      if (answer.failure.reason === 'refused' && (answer.failure.status === 401 || answer.failure.status === 403)) {
        clearInterval(timer);
        if (answer.failure.status === 401) {
          toLogin();
        }
      }
      return;
    }
  }
  if (system.kind === 'ok' && cameras.kind === 'ok') {
    const now: Look = { system: system.value, cameras: cameras.value };
    const before = latest.value;
    const point = before === null ? null : pointOf(before, now);
    latest.value = now;
    failure.value = null;
    if (point !== null) {
      points.value = kept(points.value, point);
    }
  }
}

export function follow(): void {
  if (isFollowing) {
    return;
  }
  isFollowing = true;
  effect(() => {
    clearInterval(timer);
    if (isAwake.value) {
      void look();
      timer = setInterval(() => { void look(); }, EVERY_MS);
    }
  });
}
