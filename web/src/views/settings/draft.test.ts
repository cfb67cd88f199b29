import { expect, test } from 'vitest';

import { Shape } from '../../api/shape.ts';
import { type Config, type Key, parseSchema } from './config.ts';
import { byPlace, changed, read, sections, show, toChange } from './draft.ts';

const SCHEMA = parseSchema(new Shape({
  properties: {
    camera: { type: 'array', items: { properties: { width: { type: 'integer', default: 640, description: 'Width.', 'x-effect': 'camera' } } } },
    server: {
      properties: {
        hosts: { type: 'array', items: { type: 'string' }, default: [], description: 'Names.', 'x-effect': 'server' },
        tls: { properties: { key: { type: ['string', 'null'], default: null, description: 'File.', 'x-effect': 'server', readOnly: true } } },
      },
    },
  },
}));

test('the schema becomes a list of keys', () => {
  expect(SCHEMA.map(({ path, kind, isFixed }) => [path, kind, isFixed])).toEqual([
    ['camera.width', 'integer', false],
    ['server.hosts', 'array', false],
    ['server.tls.key', 'string', true],
  ]);
});

test.each([
  ['integer', '', null],
  ['integer', ' 12 ', 12],
  ['integer', 'x', 'x'],
  ['number', '0.5', 0.5],
  ['string', '', null],
  ['boolean', 'true', true],
  ['array', 'a\n\n b ', ['a', 'b']],
] as const)('a field for a %s with "%s"', (kind, text, value) => {
  expect(read({ kind } as Key, text)).toEqual(value);
});

test('what is as it was is no change', () => {
  const held = { value: 20, from: 'file', by: null } as const;
  const draft = changed(new Map(), 'door/camera.width', 10, held);
  expect(toChange(new Map([...draft, ['server.port', null]]))).toEqual({
    keys: { 'server.port': null },
    cameras: { door: { width: 10 } },
  });
  expect(changed(draft, 'door/camera.width', 20, held).size).toBe(0);
  expect(changed(draft, 'server.port', null, { value: 3000, from: 'default', by: null }).size).toBe(1);
  expect(show(['a', 'b'])).toBe('a\nb');
});

test('errors find their fields', () => {
  const errors = byPlace([
    { camera: 'door', key: 'width', problem: 'a' },
    { camera: null, key: 'server.port', problem: 'b' },
    { camera: null, key: null, problem: 'c' },
  ]);
  expect([...errors.keys()]).toEqual(['door/camera.width', 'server.port', '']);
});

test('sections, and what is searched in them', () => {
  const config: Config = {
    etag: '', file: null, obstacle: null, keys: new Map(), pending_restart: [],
    cameras: [{ id: 'door', keys: new Map() }, { id: 'yard', keys: new Map() }],
  };
  const found = (wanted: string): string[] =>
    sections(SCHEMA, config, wanted, (key) => key.about).map(({ id, camera }) => camera ?? id);
  expect(found('')).toEqual(['door', 'yard', 'server', 'server.tls']);
  expect(found('yard wid')).toEqual(['yard']);
  expect(found('names')).toEqual(['server']);
  expect(found('xyzzy')).toEqual([]);
});
