// What somebody has typed and not applied yet. Pure.

import type { Change, Config, Held, Key, KeyError } from './config.ts';

/** By the place of a key: `server.port`, or `camera.width` of a camera as `yard/camera.width`. */
export type Draft = ReadonlyMap<string, unknown>;

export function placeOf(path: string, camera?: string): string {
  return camera === undefined ? path : `${camera}/${path}`;
}

/** What is in the field, as the server takes it; null is the default, and text that is no number stays text: the server says so. */
export function read(key: Key, text: string): unknown {
  const plain = text.trim();
  switch (key.kind) {
    case 'array':
      return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
    case 'integer':
    case 'number':
      return plain === '' ? null : Number.isNaN(Number(plain)) ? plain : Number(plain);
    case 'boolean':
      return plain === 'true';
    case 'string':
      return plain === '' ? null : plain;
    default:
      return key.kind satisfies never;
  }
}

export function show(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  if (Array.isArray(value)) {
    return value.join('\n');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The draft with another value; one that is as it holds is none. */
export function changed(draft: Draft, place: string, value: unknown, held: Held | undefined): Draft {
  const next = new Map(draft);
  const isDefault = value === null && held?.from === 'default';
  if (isDefault || (value !== null && show(value) === show(held?.value))) {
    next.delete(place);
  } else {
    next.set(place, value);
  }
  return next;
}

export function toChange(draft: Draft): Change {
  const keys: Record<string, unknown> = {};
  const cameras: Record<string, Record<string, unknown>> = {};
  for (const [place, value] of draft) {
    const [camera = '', path] = place.split('/', 2);
    if (path === undefined) {
      keys[place] = value;
    } else {
      (cameras[camera] ??= {})[path.replace('camera.', '')] = value;
    }
  }
  return { keys, cameras };
}

/** The errors by the places of their keys; those without a place are under the empty one. */
export function byPlace(errors: readonly KeyError[]): ReadonlyMap<string, string> {
  return new Map(errors.map(({ camera, key, problem }) => [
    key === null ? '' : camera === null ? key : placeOf(`camera.${key}`, camera),
    problem,
  ]));
}

export type Section = { readonly id: string; readonly camera?: string; readonly keys: readonly Key[] };

/** The keys in groups, the cameras first; of those only what has all of the searched words. */
export function sections(schema: readonly Key[], config: Config, wanted: string, words: (key: Key) => string): Section[] {
  const searched = wanted.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const isWanted = (key: Key, more: string): boolean => {
    const text = `${key.path} ${words(key)} ${more}`.toLowerCase();
    return searched.every((word) => text.includes(word));
  };
  const ofCameras = schema.filter((key) => key.path.startsWith('camera.') && key.path !== 'camera.id');
  const found: Section[] = config.cameras.map(({ id, keys }) => {
    const name = show(keys.get('name')?.value);
    return { id: 'camera', camera: id, keys: ofCameras.filter((key) => isWanted(key, `${id} ${name}`)) };
  });
  const groups = new Map<string, Key[]>();
  for (const key of schema) {
    if (!key.path.startsWith('camera.')) {
      const id = key.path.startsWith('server.tls.') ? 'server.tls' : key.path.split('.')[0] ?? '';
      groups.set(id, [...groups.get(id) ?? [], key]);
    }
  }
  for (const [id, keys] of groups) {
    found.push({ id, keys: keys.filter((key) => isWanted(key, '')) });
  }
  return found.filter((section) => section.keys.length > 0);
}
