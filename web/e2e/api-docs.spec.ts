// The API's document as a page: without the internet, without a complaint of the policy, and it does what it says.

import type { Locator, Page } from '@playwright/test';

import { expect, test } from './page.ts';
import { PASSWORD } from './server.ts';

function operation(page: Page, method: string, path: string): Locator {
  return page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) });
}

/** Opens it and sends what is in it; the status of the answer. */
async function send(block: Locator): Promise<string> {
  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Execute' }).click();
  const status = block.locator('.live-responses-table .response .response-col_status').first();
  await expect(status).toHaveText(/\d{3}/);
  return (await status.innerText()).slice(0, 3);
}

test('somebody who is not signed in is asked to, comes back, and can try it out', async ({ page, serve, tolerated }) => {
  // Who is not signed in is told so by a status.
  tolerated.push(/^Failed to load resource.*401/);
  const server = await serve({ admin: true });
  await page.goto(`${server.url}api-docs`);
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(`${server.url}api-docs`);
  await expect(page.getByRole('heading', { name: /my-cctv-server/ })).toBeVisible();
  expect(await send(operation(page, 'get', '/api/v1/cameras'))).toBe('200');
  // Something that changes something, by the cookie and the page's own origin.
  const added = operation(page, 'post', '/api/v1/cameras');
  await added.locator('.opblock-summary-control').click();
  await added.locator('textarea.body-param__text').fill('{"id": "yard", "source": "test"}');
  await added.getByRole('button', { name: 'Execute' }).click();
  await expect(added.locator('.live-responses-table .response .response-col_status').first()).toHaveText(/201/);
  const cameras = await page.evaluate(async () => (await fetch('api/v1/cameras')).text());
  expect(cameras).toContain('"yard"');
});

test('a token works as well, and what it may not do is refused', async ({ page, serve, tolerated }) => {
  tolerated.push(/^Failed to load resource.*40[13]/);
  const server = await serve({ admin: true });
  await page.goto(`${server.url}login?to=api-docs`);
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('button', { name: 'Authorize' })).toBeVisible();
  const secret = await page.evaluate(async () => {
    const body = JSON.stringify({ name: 'a program', role: 'viewer' });
    const answer = await fetch('api/v1/tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return ((await answer.json()) as { secret: string }).secret;
  });
  // From here on the token alone says who asks.
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Authorize' }).click();
  const bearer = page.locator('.auth-container').filter({ hasText: 'bearer' });
  await bearer.getByRole('textbox').fill(secret);
  await bearer.getByRole('button', { name: 'Apply credentials' }).click();
  await page.locator('.dialog-ux').getByRole('button', { name: 'Close' }).last().click();
  expect(await send(operation(page, 'get', '/api/v1/session'))).toBe('200');
  expect(await send(operation(page, 'get', '/api/v1/system'))).toBe('403');
});
