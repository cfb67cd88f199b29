// The configuration as the server tells it: the keys there are, what holds, and what a change would do.

import { getJson, sendFor, sendForPicture } from '../../api/client.ts';
import type { Shape } from '../../api/shape.ts';
import type { Outcome, Part, Schema } from '../../api/types.ts';

export type Effect = 'now' | 'camera' | 'cameras' | 'server';

export type Key = {
  /** With its tables: `server.tls.enabled`, `camera.width`. */
  readonly path: string;
  readonly kind: 'integer' | 'number' | 'boolean' | 'string' | 'array';
  readonly least: number | null;
  readonly most: number | null;
  readonly words: readonly string[] | null;
  readonly default: unknown;
  readonly about: string;
  readonly effect: Effect;
  readonly order: number;
  /** Only the file can set it. */
  readonly isFixed: boolean;
};

export type Held = Schema<'SettingView'>;

export type ConfiguredCamera = {
  readonly id: string;
  readonly keys: ReadonlyMap<string, Held>;
};

export type Config = Part<'SettingsView', 'etag' | 'file' | 'obstacle' | 'pending_restart'> & {
  readonly keys: ReadonlyMap<string, Held>;
  readonly cameras: readonly ConfiguredCamera[];
};

export type KeyError = Schema<'SettingError'>;

export type Outlook = Schema<'Outlook'>;

export type Change =
  | { readonly keys: Readonly<Record<string, unknown>>; readonly cameras: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  | { readonly toml: string }
  | { readonly backup: string };

export type Backup = Part<'Backup', 'id' | 'at'>;

export type Discovered = Part<'Discovered', 'source' | 'name' | 'place'> & { readonly usedBy: string | null };

/** Some keys of a camera, as a form made of the configuration's schema has them. */
export type CameraKeys = Schema<'CameraTest'>;

const KINDS = ['integer', 'number', 'boolean', 'string', 'array'] as const;

/** All keys. */
export function parseSchema(schema: Shape, path = ''): Key[] {
  return schema.field('properties').entries().flatMap(([name, about]) => {
    const full = path === '' ? name : `${path}.${name}`;
    const items = about.field('items').optional((inner) => inner.field('properties').optional(() => inner));
    if (items !== null) {
      return parseSchema(items, full);
    }
    if (about.field('properties').raw() !== undefined) {
      return parseSchema(about, full);
    }
    const type = about.field('type');
    return [{
      path: full,
      kind: (Array.isArray(type.raw()) ? type.items()[0] ?? type : type).oneOf(KINDS),
      least: about.field('minimum').optional((s) => s.number()),
      most: about.field('maximum').optional((s) => s.number()),
      words: about.field('enum').optional((s) => s.items().map((word) => word.string())),
      default: about.field('default').raw(),
      about: about.field('description').string(),
      effect: about.field('x-effect').oneOf(['now', 'camera', 'cameras', 'server'] as const),
      order: about.field('x-order').optional((s) => s.number()) ?? 0,
      isFixed: about.field('readOnly').raw() === true,
    }];
  });
}

function parseKeys(keys: Shape<Schema<'SettingsView'>['keys']>): ReadonlyMap<string, Held> {
  return new Map(keys.entries().map(([name, held]) => [name, {
    value: held.field('value').raw(),
    from: held.field('from').oneOf(['default', 'file', 'environment', 'flag', 'api']),
    by: held.field('by').optional((s) => s.string()),
  }]));
}

function texts(list: Shape<readonly string[]>): string[] {
  return list.items().map((one) => one.string());
}

export function parseConfig(body: Shape<Schema<'SettingsView'>>): Config {
  return {
    etag: body.field('etag').string(),
    file: body.field('file').optional((s) => s.string()),
    obstacle: body.field('obstacle').optional((s) => s.string()),
    keys: parseKeys(body.field('keys')),
    cameras: body.field('cameras').items().map((camera) => ({
      id: camera.field('id').string(),
      keys: parseKeys(camera.field('keys')),
    })),
    pending_restart: texts(body.field('pending_restart')),
  };
}

function parseOutlook(body: Shape<Outlook>): Outlook {
  return {
    etag: body.field('etag').string(),
    difference: body.field('difference').string(),
    changes: body.field('changes').number(),
    live: texts(body.field('live')),
    restarts: texts(body.field('restarts')),
    waits: texts(body.field('waits')),
    notes: texts(body.field('notes')),
    errors: body.field('errors').items().map((error) => ({
      camera: error.field('camera').optional((s) => s.string()),
      key: error.field('key').optional((s) => s.string()),
      problem: error.field('problem').string(),
    })),
  };
}

export function getSchema(signal: AbortSignal): Promise<Outcome<readonly Key[]>> {
  return getJson('/api/v1/config/schema', {}, (body) => parseSchema(body).sort((a, b) => a.order - b.order), signal);
}

export function getConfig(signal: AbortSignal): Promise<Outcome<Config>> {
  return getJson('/api/v1/config', {}, parseConfig, signal);
}

export function checkChange(change: Change, signal: AbortSignal): Promise<Outcome<Outlook>> {
  return sendFor('POST', '/api/v1/config/check', { body: change }, parseOutlook, signal);
}

export function makeChange(change: Change, etag: string, signal: AbortSignal): Promise<Outcome<Outlook>> {
  return sendFor('PUT', '/api/v1/config', { body: change, etag }, parseOutlook, signal);
}

export function getBackups(signal: AbortSignal): Promise<Outcome<readonly Backup[]>> {
  return getJson('/api/v1/config/backups', {}, (body) => body.field('backups').items().map((one) => ({
    id: one.field('id').string(),
    at: one.field('at').string(),
  })), signal);
}

export function discover(signal: AbortSignal): Promise<Outcome<{ readonly cameras: readonly Discovered[]; readonly notes: readonly string[] }>> {
  return getJson('/api/v1/discover', {}, (body) => ({
    cameras: body.field('cameras').items().map((one) => ({
      source: one.field('source').string(),
      name: one.field('name').string(),
      place: one.field('place').string(),
      usedBy: one.field('used_by').optional((s) => s.string()),
    })),
    notes: texts(body.field('notes')),
  }), signal);
}

export function testCamera(keys: CameraKeys, signal: AbortSignal): Promise<Outcome<Blob>> {
  return sendForPicture('/api/v1/camera-test', { body: keys }, signal);
}
