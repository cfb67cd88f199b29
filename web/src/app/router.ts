// Where one is: `#/live/yard?x=1`. Behind the `#`, because the page then needs to know neither `server.base_path` nor what
// a proxy in front of the server calls it, and its relative addresses stay true; a browser also carries it through the
// way to the login.

import { signal } from '@preact/signals';

export type Place = {
  /** The parts of the path, decoded: `['live', 'yard']`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
};

export function parsePlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const parts = path.split('/').filter((part) => part !== '').map(decoded);
  return { parts, query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place, for a link. */
export function href(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export const place = signal<Place>(parsePlace(''));

export function go(...parts: readonly string[]): void {
  location.hash = href(...parts);
}

const KEPT = 'cctv.place';

/** Where the installed page was last, for its next start; a tab has that in its address. */
function lastPlace(): string {
  try {
    return localStorage.getItem(KEPT) ?? '';
  } catch {
    // A browser that keeps nothing.
    return '';
  }
}

function keepPlace(hash: string): void {
  try {
    localStorage.setItem(KEPT, hash);
  } catch {
    // Nothing is kept, then.
  }
}

/** For whoever comes next. */
export function forgetPlace(): void {
  try {
    localStorage.removeItem(KEPT);
  } catch {
    // Nothing was kept.
  }
}

/** Begins to follow the address. `?camera=yard` of older links means that camera. */
export function followAddress(): void {
  const isInstalled = matchMedia('(display-mode: standalone)').matches || new URLSearchParams(location.search).has('app');
  if (isInstalled) {
    const address = new URL(location.href);
    address.searchParams.delete('app');
    address.hash ||= lastPlace();
    history.replaceState(null, '', address);
  }
  const camera = new URLSearchParams(location.search).get('camera');
  if (camera !== null && location.hash === '') {
    const address = new URL(location.href);
    address.searchParams.delete('camera');
    address.hash = href('live', camera);
    history.replaceState(null, '', address);
  }
  const read = (): void => {
    place.value = parsePlace(location.hash);
    if (isInstalled) {
      keepPlace(location.hash);
    }
  };
  window.addEventListener('hashchange', read);
  read();
}
