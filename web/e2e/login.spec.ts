// The first run and the login, in a real browser, before the real server.

import { expect, expectSituation, test } from './page.ts';

const PASSWORD = 'correct horse battery';

test('the link from the log makes the administrator, who then logs out and in', async ({ page, serve, tolerated }) => {
  // What the browser says by itself when a login is refused.
  tolerated.push(/^Failed to load resource/);
  const server = await serve({ login: true });
  await page.goto(server.url);
  await expect(page).toHaveURL(/[/]setup$/);
  await expect(page.locator('#detail')).toHaveText(/open the one that is in the server’s log/);

  await expect.poll(() => server.setupLink()).toBeDefined();
  await page.goto('about:blank');
  await page.goto(server.setupLink() ?? '');
  await expect(page).toHaveURL(/[/]setup$/);
  await page.getByLabel('Name').fill('root');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await page.getByRole('link', { name: 'To the live pictures' }).click();
  await expectSituation(page, 'live');
  await expect(page.locator('#login-off')).toBeHidden();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/[/]login$/);
  await page.goto(server.url);
  await expect(page).toHaveURL(/[/]login$/);
  await page.getByLabel('Name').fill('root');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toHaveText('Name or password is wrong.');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expectSituation(page, 'live');
});

test('without login the page says so', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expect(page.locator('#login-off')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeHidden();
});
