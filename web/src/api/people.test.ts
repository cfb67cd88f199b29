import { expect, test } from 'vitest';

import { auditQuery, networksOf, parseUser } from './people.ts';
import { Shape, ShapeError } from './shape.ts';

const NOTHING = { who: '', action: '', camera: '', from: '', to: '' };

test('a filter asks for whole days in the zone of whoever looks, and for nothing that is empty', () => {
  expect(auditQuery(NOTHING)).toEqual({});
  expect(auditQuery({ ...NOTHING, who: ' kim ', action: 'login failed' })).toEqual({ who: 'kim', action: 'login failed' });
  const query = auditQuery({ ...NOTHING, from: '2026-02-28', to: '2026-02-28' });
  expect(query.from).toBe(new Date(2026, 1, 28).toISOString());
  expect(query.to).toBe(new Date(2026, 2, 1).toISOString());
  expect(auditQuery({ ...NOTHING, from: 'yesterday' })).toEqual({});
});

test.each([
  ['', []],
  [' \n', []],
  ['192.168.0.0/16', ['192.168.0.0/16']],
  ['192.168.0.0/16, fd00::/8\n10.0.0.1;', ['192.168.0.0/16', 'fd00::/8', '10.0.0.1']],
])('networks are words: %j', (text, list) => {
  expect(networksOf(text)).toEqual(list);
});

test('a role that is none is no user', () => {
  const user = { id: 1, name: 'kim', created_s: 5, role: 'viewer', cameras: null, allow: [], deny: [] };
  expect(parseUser(new Shape(user)).cameras).toBeNull();
  expect(() => parseUser(new Shape({ ...user, role: 'king' }))).toThrow(ShapeError);
});
