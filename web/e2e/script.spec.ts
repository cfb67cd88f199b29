// Texts that strangers choose, in a real browser: names, and what a camera program says, are text and nothing else.

import { expect, expectSituation, pretend, test } from './page.ts';

const EVIL = '</script><script>document.title=1</script><img src=x onerror="document.title=1"><b id=evil>';

/** Nothing of it became an element, or ran. Whatever the policy has to stop is a complaint that fails the test. */
async function expectText(page: import('@playwright/test').Page): Promise<void> {
  expect(await page.locator('#evil, img[src="x"], script:not([src])').count()).toBe(0);
  expect(await page.title()).not.toMatch(/^1$/);
}

test('names and words of a camera are text', async ({ page, serve }) => {
  const cameras = [{ id: 'main', name: EVIL }, { id: 'yard', name: EVIL }];
  const several = await serve({ cameras });
  await page.goto(several.url);
  await expect(page.getByText(EVIL)).toHaveCount(2);
  await expect(page.getByText(EVIL).first()).toBeVisible();
  await expectText(page);
  const server = await serve({ cameras: cameras.slice(0, 1) });
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect(page.getByRole('heading', { name: EVIL })).toBeVisible();
  await expectText(page);
  // A server that was taken over, or a camera program that says whatever it likes.
  for (const state of ['failed', EVIL]) {
    await pretend(page, { state, cause: EVIL, message: EVIL, advice: EVIL, detail: EVIL, words: [EVIL] });
    // The one that is under way may still be the true one.
    await page.waitForResponse('**/api/v1/cameras');
    await page.waitForResponse('**/api/v1/cameras');
    await expectText(page);
  }
});

test('a name of a user is text, and so is what is asked for', async ({ page, serve, tolerated }) => {
  tolerated.push(/^Failed to load resource/);
  const server = await serve({ login: true });
  await expect.poll(() => server.setupLink()).toBeDefined();
  await page.goto(server.setupLink() ?? '');
  // A name has at most 64 characters, and no colon.
  const name = '<img src=x onerror="document.title=1"><b id=evil>';
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await page.getByRole('link', { name: 'To the live pictures' }).click();
  await expectSituation(page, 'live');
  await expect(page.getByRole('button', { name: 'Sign out' })).toHaveAttribute('title', name);
  await expectText(page);
  for (const address of ['?camera=', '?lang=', 'login?next=', 'setup?x=']) {
    await page.goto(server.url + address + encodeURIComponent(EVIL) + '#code=' + encodeURIComponent(EVIL));
    await expectText(page);
  }
});

test('after the login comes our own page, whatever was in the address', async ({ page, serve, tolerated }) => {
  tolerated.push(/^Failed to load resource/);
  const server = await serve({ login: true });
  await expect.poll(() => server.setupLink()).toBeDefined();
  await page.goto(server.setupLink() ?? '');
  await page.getByLabel('Name').fill('root');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await page.getByRole('link', { name: 'To the live pictures' }).click();
  await expectSituation(page, 'live');
  for (const next of ['//evil.example', '\\\\evil.example', 'https:evil.example', 'javascript:document.title=1']) {
    await page.context().clearCookies();
    await page.goto(`${server.url}login?next=${encodeURIComponent(next)}&return_to=${encodeURIComponent(next)}#${next}`);
    await page.getByLabel('Name').fill('root');
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('navigation').first()).toBeVisible();
    await expectText(page);
    expect(new URL(page.url()).origin).toBe(new URL(server.url).origin);
  }
});

test('a picture opened by itself is shown, though its page may do nothing', async ({ page, serve, tolerated }) => {
  // The browser asks for an icon that such a page cannot have.
  tolerated.push(/^Failed to load resource/);
  const server = await serve();
  for (const address of ['snapshot', 'stream', 'stream?advance_headers=1']) {
    await page.goto(server.url + address, { waitUntil: 'commit' });
    const image = page.locator('img');
    await expect.poll(() => image.evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBe(640);
    expect((await page.screenshot()).length, 'not an empty page').toBeGreaterThan(10_000);
  }
});
