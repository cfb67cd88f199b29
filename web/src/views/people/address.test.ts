import { expect, test } from 'vitest';

import { withoutPort, withoutRequest } from './address.ts';

test.each([
  ['192.168.1.20:50412', '192.168.1.20'],
  ['[fd00::1]:7', 'fd00::1'],
  ['fd00::1', 'fd00::1'],
  ['192.168.1.20', '192.168.1.20'],
  ['', ''],
])('%j is %j', (address, words) => {
  expect(withoutPort(address)).toBe(words);
});

test.each([
  ['POST /api/v1/tokens: Home (1), viewer', 'Home (1), viewer'],
  ['GET /api/v1/audit/export', ''],
  ['DELETE /api/v1/users/3: kim: the first', 'kim: the first'],
  ['41 s, left', '41 s, left'],
])('%j tells %j', (detail, words) => {
  expect(withoutRequest(detail)).toBe(words);
});
