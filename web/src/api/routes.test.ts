import { describe, expect, test } from 'vitest';

import { getJson, send } from './client.ts';
import { type Answer, addressOf, given } from './routes.ts';
import { Shape } from './shape.ts';

describe('an address', () => {
  test('has what stands in it, and nothing that breaks it', () => {
    expect(addressOf('GET', '/api/v1/cameras', {})).toBe('api/v1/cameras');
    expect(addressOf('PUT', '/api/v1/cameras/{id}/presets/{name}', { path: { id: 'main', name: 'a/b?c' } }))
      .toBe('api/v1/cameras/main/presets/a%2Fb%3Fc');
    expect(addressOf('GET', '/api/v1/audit', { query: { who: 'a&b', limit: 5, ...given({ camera: '', before: null }) } }))
      .toBe('api/v1/audit?who=a%26b&limit=5');
  });
});

// What the document does not have does not compile: `npm run check` complains of a comment here that is not needed.
test('the document is the one source', () => {
  const { signal } = AbortSignal.abort() as unknown as AbortController;
  const cameras = new Shape<Answer<'GET', '/api/v1/cameras'>>({});
  const wrong: (() => unknown)[] = [
    // @ts-expect-error no such path
    () => getJson('/api/v1/camera', {}, () => null, signal),
    // @ts-expect-error not with this method
    () => send('DELETE', '/api/v1/cameras', {}, signal),
    // @ts-expect-error without saying which one
    () => send('DELETE', '/api/v1/viewers/{id}', {}, signal),
    // @ts-expect-error no such parameter
    () => getJson('/api/v1/audit', { query: { whom: 'kim' } }, () => null, signal),
    // @ts-expect-error a body of another kind
    () => send('PUT', '/api/v1/account/password', { body: { old: '', password: '' } }, signal),
    // @ts-expect-error without its state
    () => send('PUT', '/api/v1/config', { body: { keys: {} } }, signal),
    // @ts-expect-error no such field
    () => cameras.field('camera'),
    // @ts-expect-error that is no text
    () => cameras.field('viewers').string(),
    // @ts-expect-error it may be null
    () => cameras.field('cameras').items().map((camera) => camera.field('cause').string()),
    // @ts-expect-error no such word
    () => cameras.field('cameras').items().map((camera) => camera.field('state').oneOf(['asleep'])),
  ];
  expect(wrong.length).toBe(10);
});
