// The views for administrators and for oneself, in a real browser before the real server.

import { readFile } from 'node:fs/promises';

import { another, expectAccessible, logIn } from './people.ts';
import { expect, expectSituation, test } from './page.ts';
import { PASSWORD, type ServerConfig } from './server.ts';

const TWO: ServerConfig = {
  admin: true,
  cameras: [
    { id: 'door', name: 'Front door', source: 'rpicam:0' },
    { id: 'yard', name: 'Yard <b>', source: 'rpicam:1' },
  ],
};
const ADMINISTRATORS = ['Viewers', 'System', 'Access'];

test('an administrator adds a viewer of one camera, who sees that camera and nothing else', async ({ page, serve, browser }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  await page.goto(`${server.url}#/access`);
  await page.getByRole('button', { name: 'Add user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('kim');
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByLabel('Only these:').check();
  await dialog.getByLabel('Yard <b>').check();
  await expectAccessible(page, 'the form of a user');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await expect(dialog).toBeHidden();
  const row = page.getByRole('row', { name: /kim/ });
  await expect(row).toContainText('Yard <b>');
  await expect(row).toContainText('Viewer');

  const { context, page: kim } = await another(browser, server, 'kim');
  await kim.goto(server.url);
  await expectSituation(kim, 'live');
  await expect(kim.locator('#frame')).toBeVisible();
  const cameras = await kim.evaluate(async () => (await fetch('api/v1/cameras')).json() as Promise<{ cameras: { id: string }[] }>);
  expect(cameras.cameras.map(({ id }) => id)).toEqual(['yard']);
  for (const name of ADMINISTRATORS) {
    await expect(kim.getByRole('navigation').getByRole('link', { name })).toHaveCount(0);
  }
  for (const path of ['access', 'viewers', 'system']) {
    await kim.goto(`${server.url}#/${path}`);
    await expect(kim.getByText('There is nothing here.')).toBeVisible();
  }
  const statuses = await kim.evaluate(async () => {
    const paths = ['users', 'audit', 'audit/export', 'viewers', 'system', 'cameras/door'];
    return Promise.all(paths.map(async (path) => (await fetch(`api/v1/${path}`)).status));
  });
  expect(statuses).toEqual([403, 403, 403, 403, 403, 404]);
  await context.close();
});

test('rights are changed, taken away, and the last administrator stays', async ({ page, serve, browser, tolerated }) => {
  tolerated.push(/^Failed to load resource/);
  const server = await serve(TWO);
  await logIn(page, server);
  const made = await page.request.post(`${server.url}api/v1/users`, { data: { name: 'lee', password: PASSWORD, role: 'viewer', cameras: ['door'] } });
  expect(made.ok()).toBe(true);
  const { context, page: lee } = await another(browser, server, 'lee');
  await lee.goto(`${server.url}#/account`);
  await expect(lee.getByRole('heading', { name: 'Account' })).toBeVisible();

  await page.goto(`${server.url}#/access/users`);
  await expect(page.getByRole('button', { name: 'Remove admin' })).toBeDisabled();
  await page.getByRole('button', { name: 'Change lee' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Role').selectOption('operator');
  await dialog.getByText('Limit to networks').click();
  await dialog.getByLabel('Only from').fill('not a network');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toHaveText(/^`not` is no network/);
  await dialog.getByLabel('Only from').fill('127.0.0.0/8\n10.0.0.0/8');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('row', { name: /lee/ })).toContainText('Operator');
  await expect(page.getByRole('row', { name: /lee/ })).toContainText('127.0.0.0/8, 10.0.0.0/8');
  await lee.reload();
  await expect(lee.getByRole('navigation').getByRole('link', { name: 'Viewers' })).toBeVisible();

  // The server's own word, where the page is wrong about it.
  await page.getByRole('button', { name: 'Change admin' }).click();
  await dialog.getByLabel('Role').selectOption('viewer');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toContainText(/administrator/i);
  await dialog.getByRole('button', { name: 'Cancel' }).click();

  await page.getByRole('button', { name: 'Remove lee' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByRole('row', { name: /lee/ })).toHaveCount(0);
  await expect(lee, 'who was removed is led to the login').toHaveURL(/[/]login/, { timeout: 30_000 });
  await context.close();
});

test('a token is shown once, works, and is revoked', async ({ page, serve }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  await page.goto(`${server.url}#/access/tokens`);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What it is for').fill('Home <i>');
  await dialog.getByLabel('Only these:').check();
  await dialog.getByLabel('Front door').check();
  await dialog.getByRole('button', { name: 'Make token' }).click();
  const secret = await dialog.getByLabel('Token for Home <i>').inputValue();
  expect(secret.length).toBeGreaterThan(20);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await dialog.getByRole('button', { name: 'Copy' }).click();
  await expect(dialog.getByText('Copied.')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
  await expectAccessible(page, 'the new token');
  const ask = async (camera: string): Promise<number> => {
    const answer = await fetch(`${server.url}api/v1/cameras/${camera}`, { headers: { authorization: `Bearer ${secret}` } });
    return answer.status;
  };
  expect([await ask('door'), await ask('yard')]).toEqual([200, 404]);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByRole('row', { name: /Home <i>/ })).toBeVisible();
  expect(await page.content()).not.toContain(secret);
  await page.reload();
  await expect(page.getByRole('row', { name: /Home <i>/ })).toBeVisible();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole('button', { name: 'Revoke token Home <i>' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('No tokens yet')).toBeVisible();
  expect(await ask('door')).toBe(401);
});

test('links are listed and revoked', async ({ page, serve }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  const made = await page.request.post(`${server.url}api/v1/links`, { data: { camera: 'yard', what: 'snapshot', expires_in_s: 3600 } });
  const { address } = (await made.json()) as { address: string };
  await page.goto(`${server.url}#/account`);
  await page.getByRole('button', { name: 'Revoke link to Yard <b>' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('No links that are valid')).toBeVisible();
  expect((await fetch(server.url + address)).status).toBe(401);
});

test('a session that is ended leads its page to the login', async ({ page, serve, browser }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  const { context, page: elsewhere } = await another(browser, server, 'admin');
  await elsewhere.goto(`${server.url}#/incidents`);
  await expect(elsewhere.getByRole('heading', { name: 'Incidents' })).toBeVisible();
  await page.goto(`${server.url}#/access/sessions`);
  await expect(page.getByRole('row', { name: /This one/ })).toHaveCount(1);
  await expect(page.getByRole('row', { name: /This one/ }).getByRole('button')).toHaveCount(0);
  await page.getByRole('button', { name: 'End session of admin' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
  await expect(elsewhere).toHaveURL(/[/]login#[/]incidents$/, { timeout: 30_000 });
  await expect(page.getByRole('row')).toHaveCount(2);
  await context.close();
});

test('a new password ends the other sessions and is the one that counts', async ({ page, serve, browser, tolerated }) => {
  tolerated.push(/^Failed to load resource/);
  const server = await serve(TWO);
  await logIn(page, server);
  const { context, page: elsewhere } = await another(browser, server, 'admin');
  await elsewhere.goto(`${server.url}#/account`);
  await page.goto(`${server.url}#/account`);
  await expect(page.getByRole('button', { name: 'End all others' })).toBeVisible();
  await page.getByLabel('Current password').fill('not this one');
  await page.getByLabel('New password', { exact: true }).fill('another horse battery');
  await page.getByLabel('New password once more').fill('another horse');
  await expect(page.getByText('The two are not the same.')).toBeVisible();
  await page.getByLabel('New password once more').fill('another horse battery');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('The current password is wrong.')).toBeVisible();
  await page.getByLabel('Current password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('Your password is changed')).toBeVisible();
  await expect(elsewhere).toHaveURL(/[/]login/, { timeout: 30_000 });
  await expect(page).toHaveURL(/#[/]account$/);
  const log = (password: string): Promise<number> =>
    page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password } }).then((answer) => answer.status());
  expect([await log(PASSWORD), await log('another horse battery')]).toEqual([401, 200]);
  await context.close();
});

test('the audit log is filtered, paged and exported', async ({ page, serve }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  for (let n = 0; n < 60; n += 1) {
    const made = await page.request.post(`${server.url}api/v1/tokens`, { data: { name: `token ${n}`, role: 'viewer' } });
    expect(made.ok()).toBe(true);
  }
  const refused = await page.request.post(`${server.url}api/v1/session`, { data: { name: 'mallory', password: 'guess guess' } });
  expect(refused.status()).toBe(401);
  await page.goto(`${server.url}#/access/audit`);
  const table = page.getByRole('table', { name: 'Audit log' });
  await page.getByLabel('What').selectOption({ label: 'Token made' });
  await expect(table.locator('tbody tr')).toHaveCount(50);
  await expect(table).toContainText('token 59');
  await page.getByRole('button', { name: 'Show older' }).click();
  await expect(table.locator('tbody tr')).toHaveCount(60);
  await expect(page.getByRole('button', { name: 'Show older' })).toHaveCount(0);

  await page.getByLabel('What').selectOption({ label: 'Sign-in failed' });
  await expect(table).toContainText('mallory');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export CSV' }).click();
  const file = await readFile(await (await download).path(), 'utf8');
  expect(file).toContain('id,time,who,address,action,camera,times,detail');
  expect(file).toContain('mallory');
  expect(file).not.toContain('token made');

  await page.getByLabel('Who').fill('nobody');
  await page.getByLabel('Who').press('Tab');
  await expect(page.getByText('Nothing found')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(table).toContainText('mallory');
  await expect(table).toContainText('Token made');
});

test('a viewer is seen and ended', async ({ page, serve }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const stream = await fetch(`${server.url}api/v1/cameras/yard/stream`, { headers: { cookie, 'user-agent': 'a recorder/1.0' } });
  expect(stream.status).toBe(200);
  const reader = stream.body?.getReader();
  const ended = (async () => {
    for (;;) {
      const { done } = (await reader?.read()) ?? { done: true };
      if (done) {
        return true;
      }
    }
  })().catch(() => true);
  await page.goto(`${server.url}#/viewers`);
  const row = page.getByRole('row', { name: /Yard <b>/ });
  await expect(row).toContainText('admin');
  await expect(row).toContainText('127.0.0.1');
  await expect(row).toContainText(/[1-9][\d.]* fps/);
  await expect(page.getByText(/^1 now, up to 15 for each camera$/)).toBeVisible();
  await page.getByRole('button', { name: 'End admin at 127.0.0.1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
  expect(await ended).toBe(true);
  await expect(page.getByText('Nobody is watching')).toBeVisible();
});

test('a camera that freezes is an incident, which ends; and a burst of logins is one of the server', async ({ page, serve }) => {
  test.setTimeout(120_000);
  const server = await serve(TWO);
  await logIn(page, server);
  await page.goto(`${server.url}#/incidents`);
  await expect(page.getByText('No incidents')).toBeVisible();
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const stop = new AbortController();
  const stream = await fetch(`${server.url}api/v1/cameras/yard/stream`, { headers: { cookie }, signal: stop.signal });
  void stream.arrayBuffer().catch(() => undefined);
  const frames = async (): Promise<number> => {
    const answer = await page.request.get(`${server.url}api/v1/cameras/yard`);
    return ((await answer.json()) as { frames: number }).frames;
  };
  await expect.poll(frames).toBeGreaterThan(5);
  await server.fault('camera=1 freeze');
  const open = page.getByRole('region', { name: 'Going on now' });
  const over = page.getByRole('region', { name: 'Over' });
  const card = over.getByRole('listitem').first();
  // It goes on for a second or two only: what is over is what stays.
  await expect(card).toContainText('Yard <b>', { timeout: 60_000 });
  await expect(card).toContainText(/started again (?:once|\d+ times)/);
  await card.getByText('Details').click();
  await expect(card).toContainText('What was done');
  await page.getByLabel('Camera').selectOption({ label: 'Front door' });
  await expect(page).toHaveURL(/#[/]incidents[/]door$/);
  await expect(page.getByText('No incidents')).toBeVisible();
  await page.getByLabel('Camera').selectOption({ label: 'All cameras' });
  await expect(card).toContainText('Yard <b>');

  // Ten failures of one address are a burst.
  for (let n = 0; n < 12; n += 1) {
    await fetch(`${server.url}api/v1/cameras`, { headers: { authorization: `Bearer guess-${n}` } });
  }
  await expect(open.getByRole('listitem').first()).toContainText('The server', { timeout: 20_000 });
  await expect(open.getByRole('listitem').first()).toContainText('Many logins failed in a short time.');
  stop.abort();
});

test('the system is told of in figures and charts that move on', async ({ page, serve }) => {
  const server = await serve(TWO);
  await logIn(page, server);
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const stop = new AbortController();
  const stream = await fetch(`${server.url}api/v1/cameras/door/stream`, { headers: { cookie }, signal: stop.signal });
  void stream.arrayBuffer().catch(() => undefined);
  await page.goto(`${server.url}#/system`);
  const row = page.getByRole('row', { name: /Front door/ });
  await expect(row).toContainText(/[1-9][\d.]* fps/);
  await expect(row).toContainText(/[1-9][\d.]* kB/);
  await expect(page.locator('.figure', { hasText: 'Memory' }).first()).toContainText(/of .*B free/);
  await expect(page.locator('.figure', { hasText: 'Disk' })).toContainText(/of .*B free/);
  await expect(page.locator('.figure', { hasText: 'Processor' }).first()).toContainText(/\d %/);
  // A line is drawn once there are two points.
  const inked = (): Promise<number> => page.locator('.chart canvas').first().evaluate((canvas: HTMLCanvasElement) => {
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext('2d', { willReadFrequently: true });
    context?.drawImage(canvas, 0, 0);
    const { data } = context?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4) {
      const [r = 0, , b = 0, a = 0] = data.slice(at, at + 4);
      coloured += a > 128 && Math.abs(r - b) > 80 ? 1 : 0;
    }
    return coloured;
  });
  await expect.poll(inked, { timeout: 30_000 }).toBeGreaterThan(3);
  const points = (): Promise<string> => page.locator('.figure', { hasText: 'Running for' }).innerText();
  const before = await points();
  await expect.poll(points, { timeout: 20_000 }).not.toBe(before);
  stop.abort();
});
