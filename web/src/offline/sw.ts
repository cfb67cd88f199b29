// The service worker: keeps the files of the page, and a page for when the server does not answer. Everything else (the
// page's own address, which the login is in front of, answers of the API, pictures) passes it by and is never kept.

import { ExpirationPlugin } from 'workbox-expiration';
import { cleanupOutdatedCaches, matchPrecache, precacheAndRoute } from 'workbox-precaching';
import { registerRoute } from 'workbox-routing';
import { CacheFirst } from 'workbox-strategies';

import { AWAY, type FromPage } from './shared.ts';

declare const self: ServiceWorkerGlobalScope;

const base = new URL(self.registration.scope);
/** The build puts its list here. */
const files = self.__WB_MANIFEST;
const known = new Set(files.map((file) => new URL(typeof file === 'string' ? file : file.url, base).href));
/** A telephone that has just woken up may have no way to the server, and not know it yet. */
const ANSWER_MS = 8_000;
/** Files of the 3D view, of this version and of the one before. */
const MOST_LARGE_FILES = 16;

precacheAndRoute(files, { directoryIndex: '', cleanURLs: false });
cleanupOutdatedCaches();

// What only some people open is kept once they have.
registerRoute(
  ({ url, sameOrigin }) => sameOrigin && url.pathname.startsWith(`${base.pathname}assets/`),
  new CacheFirst({ cacheName: `large ${base.pathname}`, plugins: [new ExpirationPlugin({ maxEntries: MOST_LARGE_FILES })] }),
);

/** Addresses that are pages. `?action=` is a stream for the programs that know mjpg-streamer. */
const PAGES = /^(?:(?:index|login|setup|three)(?:\.html)?)?$/;

registerRoute(
  ({ request, url, sameOrigin }) =>
    request.mode === 'navigate' && sameOrigin && url.pathname.startsWith(base.pathname) &&
    PAGES.test(url.pathname.slice(base.pathname.length)) && !url.searchParams.has('action'),
  async ({ request }) => {
    const answer = await Promise.race([fetch(request), late()]).catch(() => null);
    if (answer !== null && !AWAY.includes(answer.status)) {
      return answer;
    }
    return (await matchPrecache('offline.html')) ?? answer ?? Response.error();
  },
);

function late(): Promise<null> {
  return new Promise((resolve) => { setTimeout(resolve, ANSWER_MS, null); });
}

self.addEventListener('message', (event) => {
  const said = event.data as FromPage;
  switch (said.kind) {
    case 'knows?':
      event.ports[0]?.postMessage(said.files.every((file) => known.has(file)));
      return;
    case 'take over':
      event.waitUntil(takeOver());
      return;
    default:
      said satisfies never;
  }
});

/** Another tab may still need files of the version before. */
async function takeOver(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (windows.filter(({ url }) => url.startsWith(base.href)).length <= 1) {
    await self.skipWaiting();
  }
}
