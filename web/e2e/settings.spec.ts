// Settings that are changed, refused and brought back, and the three screens of the first run: in a real browser, before the
// real server.

import type { Locator, Page } from '@playwright/test';

import { expect, expectMoving, expectSituation, test } from './page.ts';
import { PASSWORD, type Server, type ServerConfig } from './server.ts';

const TWO: ServerConfig = {
  admin: true,
  cameras: [{ id: 'door', name: 'Front door', source: 'rpicam:0' }, { id: 'yard', name: 'Yard <b>' }],
};

async function open(page: Page, server: Server, lang = 'en'): Promise<void> {
  await page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password: PASSWORD } });
  await page.goto(`${server.url}?lang=${lang}#/settings`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
}

function entry(page: Page, key: string, section: string): Locator {
  return page.locator('.section', { has: page.getByRole('heading', { name: section }) }).locator(`[data-key="${key}"]`);
}

async function unfold(page: Page, section: string): Promise<void> {
  await page.getByRole('heading', { name: section }).click();
}

async function narrow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test('a limit and a rate are changed, the file keeps its comments, and the way leads back', async ({ page, serve }) => {
  const server = await serve(TWO);
  const before = await server.file((text) => `# Ask me first.\n${text.replace('port =', 'base_path = "/" # all of it\nmax_viewers = 12 # enough\nport =')}`);
  // Somebody watches, so that a camera of this name runs.
  await page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password: PASSWORD } });
  await page.goto(`${server.url}#/live/door`);
  await expectSituation(page, 'live');
  const starts = (await server.simArguments()).length;
  const second = await page.context().newPage();
  await open(second, server);

  await unfold(second, 'Server');
  await entry(second, 'server.max_viewers', 'Server').getByRole('textbox').fill('14');
  await entry(second, 'server.base_path', 'Server').getByRole('textbox').fill('/cam');
  await second.getByRole('button', { name: 'Review' }).click();
  const dialog = second.getByRole('dialog');
  await expect(dialog.locator('.difference')).toHaveText('  [server]\n- base_path = "/"\n+ base_path = "/cam"\n- max_viewers = 12\n+ max_viewers = 14\n');
  await expect(dialog).toContainText('No camera is restarted.');
  await expect(dialog).toContainText('Holds at once, nobody notices: server.max_viewers.');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(dialog).toBeHidden();
  await expect(second.getByRole('note')).toContainText('Waiting for the next start of the server: server.base_path');
  const changed = before.replace('base_path = "/"', 'base_path = "/cam"').replace('max_viewers = 12 # enough', 'max_viewers = 14 # enough');
  expect(await server.file()).toBe(changed);
  await expectMoving(page);
  expect((await server.simArguments()).length, 'no camera noticed').toBe(starts);

  await unfold(second, 'Camera: Front door');
  await entry(second, 'camera.framerate', 'Camera: Front door').getByRole('textbox').fill('7');
  await second.getByRole('button', { name: 'Review' }).click();
  await expect(dialog).toContainText('viewers stay connected: door.');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await server.simArguments()).at(-1)).toMatch(/--framerate 7\b/);
  await expectSituation(page, 'live');
  const text = await server.file();
  expect(text).toContain('# Ask me first.');
  expect(text).toContain('max_viewers = 14 # enough');

  // Back to the oldest of the two.
  const backups = second.getByRole('button', { name: /^Roll back to/ });
  await expect(backups).toHaveCount(2);
  await backups.last().click();
  await expect(dialog.locator('.difference')).toContainText('- max_viewers = 14\n+ max_viewers = 12');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(dialog).toBeHidden();
  expect(await server.file()).toBe(before);
  await expect(backups).toHaveCount(3);
  await second.close();
});

test('what cannot be is said beside its field, and nothing changes', async ({ page, serve }) => {
  const server = await serve(TWO);
  const before = await server.file();
  await open(page, server);
  await page.getByRole('searchbox').fill('log level');
  await expect(page.locator('.entry')).toHaveCount(1);
  await page.getByRole('searchbox').fill('nothing of the kind');
  await expect(page.getByText('No setting matches')).toBeVisible();
  await page.getByRole('searchbox').fill('');
  await unfold(page, 'Camera: Yard <b>');
  const width = entry(page, 'camera.width', 'Camera: Yard <b>');
  await width.getByRole('textbox').fill('3');
  await page.screenshot({ path: 'test-results/screenshots/settings.png' });
  await page.getByRole('button', { name: 'Review' }).click();
  await expect(width).toContainText('3 is out of range: 16 to 4096');
  await expect(width.getByRole('textbox')).toBeFocused();
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(page.locator('.bar')).toContainText('1 value cannot be so');
  // Paths and programs are shown, and closed.
  await expect(entry(page, 'camera.program', 'Camera: Yard <b>').getByRole('textbox')).toBeDisabled();
  expect(await server.file()).toBe(before);
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(page.locator('.bar')).toBeHidden();

  // A picture before anything is saved.
  await page.getByRole('button', { name: 'Test this camera' }).last().click();
  await expect(page.getByRole('dialog').getByRole('img')).toBeVisible();
});

test('an export comes in again, and a bad file is refused in words', async ({ page, serve }) => {
  const server = await serve(TWO);
  await open(page, server);
  const exported = await (await page.request.get(`${server.url}api/v1/config/export`)).text();
  const pick = page.getByLabel('Import a configuration file');
  await pick.setInputFiles({ name: 'a.toml', mimeType: 'text/plain', buffer: Buffer.from(exported) });
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('This changes nothing.');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await pick.setInputFiles({ name: 'a.toml', mimeType: 'text/plain', buffer: Buffer.from('[server]\nprot = 1\n') });
  await expect(dialog).toContainText('did you mean `port`?');
  await expect(dialog.getByRole('button', { name: 'Apply' })).toHaveCount(0);
});

test('three screens lead from the link to the live picture', async ({ page, serve, tolerated }) => {
  // Three of the four simulated cameras are listed, and no camera program is installed that could open them.
  tolerated.push(/status of 409/);
  const server = await serve({ login: true, cameras: [{ id: 'door', name: 'Front door', source: 'rpicam:0' }] });
  await expect.poll(() => server.setupLink()).toBeDefined();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(server.setupLink() ?? '');
  await page.getByLabel('Name').fill('root');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create administrator' }).click();

  await expect(page.getByRole('heading', { name: 'Find your cameras' })).toBeVisible();
  const first = page.locator('.found li').first();
  await expect(first.getByRole('img')).toBeVisible({ timeout: 20_000 });
  await expect(first).toContainText('Already shown');
  expect(await narrow(page)).toBeLessThanOrEqual(0);
  await page.screenshot({ path: 'test-results/screenshots/first-run.png', fullPage: true });
  await page.getByLabel('Address of the camera').fill('test');
  await page.getByLabel('Name').fill('Pattern');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Pattern is added.' })).toBeVisible();

  await page.getByRole('link', { name: 'To the live pictures' }).click();
  await expect(page.locator('.tile[data-camera="door"]')).toHaveAttribute('data-situation', 'live', { timeout: 20_000 });
  await expect(page.locator('.tile')).toHaveCount(2);
});

test('in Korean, on a narrow phone', async ({ page, serve }) => {
  const server = await serve(TWO);
  await page.setViewportSize({ width: 360, height: 740 });
  await open(page, server, 'ko');
  await page.getByRole('searchbox').fill('동시에 볼 수');
  await expect(page.locator('.entry')).toHaveCount(1);
  await page.locator('.entry').getByRole('textbox').fill('14');
  expect(await narrow(page)).toBeLessThanOrEqual(0);
  await page.getByRole('button', { name: '확인' }).click();
  await expect(page.getByRole('dialog')).toContainText('바로 적용되고 시청은 그대로입니다');
  await page.keyboard.press('Escape');
  await page.goto(`${server.url}?lang=ko#/settings/first`);
  await expect(page.getByRole('heading', { name: '카메라 찾기' })).toBeVisible();
  expect(await narrow(page)).toBeLessThanOrEqual(0);
});
