import { expect, test } from 'vitest';

import { CAMERA } from '../../api/fixture.ts';
import type { Camera } from '../../api/types.ts';
import { translated } from '../../i18n/causes.ts';
import { en, ko } from '../../i18n/messages.ts';
import { fileName } from './file_name.ts';
import { type Known, situation } from './situation.ts';
import { wording } from './wording.ts';

const LIVE: Known = {
  paused: false,
  player: { kind: 'playing' },
  camera: CAMERA,
  answered: true,
  failure: null,
  age_ms: 35,
  isPlaceholder: null,
};

function waiting(why: 'full' | 'unreachable' | 'ended'): Known['player'] {
  return {
    kind: 'waiting',
    why: why === 'full' ? { reason: why, detail: 'Sorry' } : { reason: why },
    retryAt_ms: 0,
  };
}

const CASES: readonly [string, Partial<Known>, string][] = [
  ['all is well', {}, 'live'],
  ['nothing known yet', { player: { kind: 'connecting' }, camera: null, answered: false, age_ms: null }, 'connecting'],
  ['not even begun', { player: { kind: 'off' }, camera: null, answered: false, age_ms: null }, 'connecting'],
  ['camera on its way', { player: { kind: 'connecting' }, camera: { ...CAMERA, state: 'starting' } }, 'starting'],
  ['answer older than the picture', { camera: { ...CAMERA, state: 'idle' } }, 'starting'],
  ['a frame or two behind', { age_ms: 1_400 }, 'live'],
  ['behind', { age_ms: 1_600 }, 'late'],
  ['a slow camera may be that old', { age_ms: 4_000, camera: { ...CAMERA, framerate: 1 } }, 'live'],
  ['a framerate of nothing', { age_ms: 4_000, camera: { ...CAMERA, framerate: 0 } }, 'live'],
  ['nothing new for long', { age_ms: 10_100 }, 'frozen'],
  ['the server sees it too', { camera: { ...CAMERA, state: 'stalled' } }, 'frozen'],
  ['not the camera that was meant', { camera: { ...CAMERA, message: 'No camera found.' } }, 'placeholder'],
  ['camera broken', { camera: { ...CAMERA, state: 'failed', message: 'rpicam-vid is missing.' } }, 'camera_error'],
  ['camera broken, stream gone', { player: waiting('ended'), camera: { ...CAMERA, state: 'failed' } }, 'camera_error'],
  ['full', { player: waiting('full') }, 'full'],
  ['full, whatever the camera does', { player: waiting('full'), camera: { ...CAMERA, state: 'failed' } }, 'full'],
  ['server gone', { failure: { reason: 'unreachable' } }, 'unreachable'],
  ['server gone, seen by the stream first', { player: waiting('unreachable') }, 'unreachable'],
  ['stream ended', { player: waiting('ended') }, 'reconnecting'],
  ['not signed in', { failure: { reason: 'refused', status: 401, detail: '' } }, 'sign_in'],
  ['not allowed', { failure: { reason: 'refused', status: 403, detail: '' } }, 'sign_in'],
  ['server in trouble', { failure: { reason: 'refused', status: 500, detail: 'Broken.' } }, 'refused'],
  ['not our server', { failure: { reason: 'unreadable', detail: '$ is not an object' } }, 'refused'],
  ['no camera', { camera: null, player: { kind: 'connecting' } }, 'no_camera'],
  ['a fresh picture, whatever was said before', { isPlaceholder: false, camera: { ...CAMERA, state: 'failed' } }, 'live'],
  ['an old picture of a camera in trouble', { isPlaceholder: false, age_ms: 4_000, camera: { ...CAMERA, state: 'failed' } }, 'camera_error'],
  ['an old picture', { isPlaceholder: false, age_ms: 4_000 }, 'late'],
  ['a picture that says that there is none', { isPlaceholder: true }, 'placeholder'],
  ['the same while the camera starts', { isPlaceholder: true, camera: { ...CAMERA, state: 'starting' } }, 'starting'],
  ['the same of a broken camera', { isPlaceholder: true, camera: { ...CAMERA, state: 'failed' } }, 'camera_error'],
  ['out of sight', { paused: true, failure: { reason: 'unreachable' } }, 'paused'],
];

test.each(CASES)('%s', (_, known, kind) => {
  const found = situation({ ...LIVE, ...known });
  expect(found.kind).toBe(kind);
  for (const words of [wording(found, en), wording(found, ko)]) {
    expect(words.title).not.toBe('');
    // Whatever is wrong is said in a sentence.
    expect(words.tone === 'good' || words.tone === 'busy' || words.detail !== '').toBe(true);
  }
});

test("the server's own sentence is shown", () => {
  const broken = situation({ ...LIVE, camera: { ...CAMERA, state: 'failed', message: 'rpicam-vid is missing.' } });
  expect(wording(broken, en).detail).toBe('rpicam-vid is missing.');
});

test.each([
  ['Front door', 'front-door-20261122-130509.jpg'],
  ['현관 1', '현관-1-20261122-130509.jpg'],
  ['../../etc/passwd\0', 'etc-passwd-20261122-130509.jpg'],
  ['<!>', 'camera-20261122-130509.jpg'],
])('the picture of "%s" is saved under a plain name', (name, file) => {
  expect(fileName(name, new Date(2026, 10, 22, 13, 5, 9))).toBe(file);
});

test('a cause that the page knows is told in its language, another in the words of the server', () => {
  const failed: Camera = { ...CAMERA, state: 'failed', message: 'No camera was found.', cause: 'no_camera' };
  expect(translated(failed, ko.causes).message).toBe('카메라를 찾을 수 없습니다.');
  expect(translated(failed, en.causes)).toBe(failed);
  expect(translated({ ...failed, cause: 'news' }, ko.causes).message).toBe('No camera was found.');
});
