import { afterEach, describe, expect, test, vi } from 'vitest';

import { getCameras, probeStream } from './client.ts';
import { CAMERA } from './fixture.ts';

const GOOD = { cameras: [CAMERA], viewers: 2, max_viewers: 15 };

afterEach(() => { vi.unstubAllGlobals(); });

function answering(body: string, init: ResponseInit = {}): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, init)));
}

function ask(): ReturnType<typeof getCameras> {
  return getCameras(new AbortController().signal);
}

test('a good answer comes through, without what the page does not know', async () => {
  answering(JSON.stringify({ ...GOOD, cameras: [{ ...CAMERA, news: 1 }] }));
  expect(await ask()).toEqual({ kind: 'ok', value: GOOD });
});

test('what is not known yet may be null or absent', async () => {
  const camera = { ...CAMERA, width_px: undefined };
  answering(JSON.stringify({ ...GOOD, cameras: [{ ...camera, newest_frame_age_ms: null }] }));
  const answer = await ask();
  expect(answer).toMatchObject({ value: { cameras: [{ width_px: null, newest_frame_age_ms: null }] } });
});

describe('an answer of the wrong shape is told with its place', () => {
  test.each([
    ['[]', '$ is not an object'],
    ['{}', '$.cameras is not a list'],
    [JSON.stringify({ ...GOOD, viewers: '2' }), '$.viewers is not a number'],
    [JSON.stringify({ ...GOOD, cameras: [{ ...CAMERA, name: 7 }] }), '$.cameras[0].name is not a text'],
    [
      JSON.stringify({ ...GOOD, cameras: [{ ...CAMERA, state: 'asleep' }] }),
      '$.cameras[0].state is not one of idle, starting, live, stalled, failed',
    ],
  ])('%s', async (body, detail) => {
    answering(body);
    expect(await ask()).toEqual({ kind: 'failed', failure: { reason: 'unreadable', detail } });
  });
});

test.each([
  'https://elsewhere.example/stream',
  '//elsewhere.example/stream',
  '/stream',
  'javascript:alert(1)',
  'api/../../stream',
  'a\\b',
  '',
])('an address that leads away from the page is refused: %s', async (stream) => {
  answering(JSON.stringify({ ...GOOD, cameras: [{ ...CAMERA, stream }] }));
  expect(await ask()).toMatchObject({ kind: 'failed', failure: { reason: 'unreadable' } });
});

test('no answer at all', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  expect(await ask()).toEqual({ kind: 'failed', failure: { reason: 'unreachable' } });
});

test('an aborted call is not a failure', async () => {
  const stop = new AbortController();
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    stop.abort();
    expect(init.signal?.aborted).toBe(true);
    return Promise.reject(new DOMException('aborted', 'AbortError'));
  });
  expect(await getCameras(stop.signal)).toEqual({ kind: 'aborted' });
});

test('a full server says so in plain text', async () => {
  answering('Sorry, the broadcast is full. Please try again later.\n', {
    status: 503,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  });
  expect(await probeStream('stream', new AbortController().signal)).toEqual({
    kind: 'failed',
    failure: { reason: 'full', detail: 'Sorry, the broadcast is full. Please try again later.' },
  });
});

test.each([
  ['{"title":"Not found","status":404,"detail":"No such camera."}', 'No such camera.'],
  ['{"title":"Not found","status":404}', 'Not found'],
  ['<html>', ''],
])('a problem is told in its own words: %s', async (body, detail) => {
  answering(body, { status: 404, headers: { 'content-type': 'application/problem+json' } });
  expect(await ask()).toEqual({ kind: 'failed', failure: { reason: 'refused', status: 404, detail } });
});

test('the page of a proxy in between is not shown', async () => {
  answering('<h1>Bad gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } });
  expect(await ask()).toEqual({ kind: 'failed', failure: { reason: 'refused', status: 502, detail: '' } });
});
