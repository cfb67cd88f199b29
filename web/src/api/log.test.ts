import { expect, test } from 'vitest';

import { asText, type LogLine } from './log.ts';

const LINE: LogLine = {
  id: 7, time: '2026-01-31T12:00:00.000000Z', level: 'warn', target: 'pipeline::feed', message: 'the camera is in trouble', camera: 'door', request: null, fields: [['retry_in_s', '2']],
};

test('a line is one line of text', () => {
  expect(asText(LINE)).toBe('2026-01-31T12:00:00.000000Z WARN pipeline::feed: the camera is in trouble camera=door retry_in_s=2');
  expect(asText({ ...LINE, camera: null })).not.toContain('camera=');
  // Said once.
  expect(asText({ ...LINE, fields: [['camera', 'door']] }).match(/camera=/g)).toHaveLength(1);
});
