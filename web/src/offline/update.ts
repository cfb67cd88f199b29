// The page's side of the service worker: has it installed once the page is at work, and finds out whether the server has a
// newer page by now. A newer one is never taken while somebody watches: it is said, and the person loads the page again.

import { signal } from '@preact/signals';

import { trusted } from '../ui/trusted.ts';
import type { FromPage } from './shared.ts';

/** After the first pictures: nothing of it is needed before. */
const SETTLE_MS = 4_000;
/** How often the server is asked for a newer page, for those who never leave this one. */
const LOOK_EVERY_MS = 60 * 60_000;
const ANSWER_MS = 5_000;

/** The server has another version of the page than the one that runs here. */
export const isOutdated = signal(false);

let registration: ServiceWorkerRegistration | null = null;

/** Once, when the page is there. Does nothing where browsers have no service worker: without TLS, except on this machine. */
export function keepFiles(): void {
  if (!('serviceWorker' in navigator)) {
    return;
  }
  const begin = (): void => { setTimeout(() => void install(), SETTLE_MS); };
  if (document.readyState === 'complete') {
    begin();
  } else {
    window.addEventListener('load', begin, { once: true });
  }
}

/** There is reason to think that the server is another one by now. */
export function lookForUpdate(): void {
  // A server that does not answer is told of elsewhere.
  registration?.update().catch(() => undefined);
}

async function install(): Promise<void> {
  try {
    registration = await navigator.serviceWorker.register(trusted('sw.js') as string, { scope: './', updateViaCache: 'none' });
  } catch {
    // A browser that forbids it, or keeps nothing: everything else works without.
    return;
  }
  const found = registration;
  const follow = (worker: ServiceWorker | null): void => {
    const look = (): void => {
      // The first one of all has no one to wait for.
      if (worker?.state === 'installed' && navigator.serviceWorker.controller !== null) {
        void judge(worker);
      }
    };
    worker?.addEventListener('statechange', look);
    look();
  };
  found.addEventListener('updatefound', () => { follow(found.installing); });
  follow(found.installing);
  follow(found.waiting);
  setInterval(lookForUpdate, LOOK_EVERY_MS);
}

/** A new worker waits: because the page here is an older one, or only because it was loaded before the worker came. */
async function judge(worker: ServiceWorker): Promise<void> {
  const places = [...document.querySelectorAll<HTMLScriptElement | HTMLLinkElement>('script[src], link[rel="stylesheet"]')];
  const files = places.map((place) => ('src' in place ? place.src : place.href));
  if (await ask(worker, { kind: 'knows?', files })) {
    worker.postMessage({ kind: 'take over' } satisfies FromPage);
  } else {
    isOutdated.value = true;
  }
}

function ask(worker: ServiceWorker, question: FromPage): Promise<boolean> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    // One that does not answer says nothing about the page.
    const timer = setTimeout(() => { resolve(true); }, ANSWER_MS);
    port1.onmessage = ({ data }) => {
      clearTimeout(timer);
      port1.close();
      resolve(data === true);
    };
    worker.postMessage(question, [port2]);
  });
}
