import { expect, test } from 'vitest';

import type { Session } from '../api/types.ts';
import { mayDo, type Right } from './session.ts';

const RIGHTS: readonly Right[] = ['see', 'control', 'share', 'viewers', 'own', 'configure', 'users', 'audit'];

function who(more: Partial<Session>): Session {
  return { name: 'x', role: 'viewer', cameras: null, by: 'session', login: true, ...more };
}

function rights(session: Session | null, camera?: string): string {
  return RIGHTS.map((right) => (mayDo(session, right, camera) ? 'y' : '.')).join('');
}

test('what each role may', () => {
  expect(rights(null)).toBe('........');
  expect(rights(who({}))).toBe('y...y...');
  expect(rights(who({ role: 'operator' }))).toBe('yyyyy...');
  expect(rights(who({ role: 'admin' }))).toBe('yyyyyyyy');
  expect(rights(who({ by: 'nothing', login: false }))).toBe('y.......');
  expect(rights(who({ role: 'admin', by: 'token' }))).toBe('yyyy.yyy');
  expect(rights(who({ by: 'link' }))).toBe('........');
});

test('on which camera', () => {
  const operator = who({ role: 'operator', cameras: ['own'] });
  expect(rights(operator, 'own')).toBe('yyyyy...');
  expect(rights(operator, 'foreign')).toBe('....y...');
});
