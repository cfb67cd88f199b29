import { expect, test } from 'vitest';

import { checked } from './markup.ts';

test('markup of a description goes through', () => {
  const markup = '<p>See <a href="https://www.rfc-editor.org/rfc/rfc9457">RFC 9457</a>, <code>GET</code> only once &lt;b&gt;</p>';
  expect(checked(markup)).toBe(markup);
});

test.each([
  '<script>x</script>', '<img src=x onerror=x>', '<p ONCLICK="x">', '<a href="javascript:x">', '<iframe src=x>', '< svg>', '<form action=x>',
  '<a href="data:text/html,x">',
])('what could run does not: %s', (markup) => {
  expect(() => checked(markup)).toThrow(TypeError);
});
