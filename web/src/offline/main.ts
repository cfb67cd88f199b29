// Stands where a page should be that the server did not give: says so, and goes there as soon as the server answers. The
// address is still the one that was asked for, so the way back is to load it again.

import { probe } from '../api/client.ts';
import type { Failure } from '../api/types.ts';
import { language, t } from '../i18n/current.ts';
import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import { element, say } from '../ui/dom.ts';
import { AWAY } from './shared.ts';

const TICK_MS = 1_000;

const nap = new Nap();
const next = element('next', HTMLElement);
let retryAt_ms = 0;

function tick(): void {
  const left_s = Math.ceil((retryAt_ms - Date.now()) / 1000);
  say(next, left_s > 0 ? t.retryIn(left_s) : t.retrying);
}

function isAway(failure: Failure): boolean {
  return failure.reason === 'unreachable' || (failure.reason === 'refused' && AWAY.includes(failure.status));
}

async function comeBack(): Promise<void> {
  const { signal } = new AbortController();
  const backoff = new Backoff();
  for (;;) {
    const answer = await probe('health', signal);
    // Any answer of the server: what it is like is for the page to say. A proxy may answer in its place.
    if (answer.kind === 'ok' || (answer.kind === 'failed' && !isAway(answer.failure))) {
      location.reload();
      return;
    }
    const wait_ms = backoff.next();
    retryAt_ms = Date.now() + wait_ms;
    tick();
    await nap.sleep(wait_ms, signal);
    retryAt_ms = 0;
    tick();
  }
}

document.documentElement.lang = language;
document.title = `${t.unreachable} · my-cctv-server`;
say(element('title', HTMLElement), t.unreachableDetail);
say(element('detail', HTMLElement), t.offlineDetail);
const go = element('go', HTMLButtonElement);
say(go, t.again);
const now = (): void => { nap.wake(); };
go.addEventListener('click', now);
window.addEventListener('online', now);
window.addEventListener('pageshow', now);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') {
    now();
  }
});
setInterval(tick, TICK_MS);
void comeBack();
