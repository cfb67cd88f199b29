// Every view, in both languages, light and dark: nothing wider than the smallest phone, and nothing that a screen reader or weak
// eyes would stumble over.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import { expectAccessible, expectNoSidewaysScrolling, logIn } from './people.ts';
import { expect, expectSituation, test } from './page.ts';
import { SOFTWARE_WEBGL } from './scene.ts';
import { PASSWORD, type ServerConfig } from './server.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
test.use({ launchOptions: { executablePath, args: SOFTWARE_WEBGL } });
test.setTimeout(300_000);

const TWO: ServerConfig = {
  admin: true,
  cameras: [
    { id: 'door', name: 'Front door', source: 'rpicam:0' },
    { id: 'yard', name: 'Yard <b>', source: 'rpicam:1' },
  ],
};
/** Views that are read, by their addresses. The live pictures, the forms in front of the page and the 3D view come below. */
const READ = [
  'incidents', 'viewers', 'system', 'log', 'settings', 'settings/first', 'access/users', 'access/tokens', 'access/links', 'access/sessions',
  'access/audit', 'account',
];
const PHONE = { width: 360, height: 740 };

test('no view is forgotten here', async () => {
  const folders = await readdir(join(import.meta.dirname, '../src/views'), { recursive: true });
  const views = folders.filter((path) => path.endsWith('/view.ts')).map((path) => path.slice(0, -'/view.ts'.length));
  expect(views.length).toBeGreaterThan(6);
  for (const view of views) {
    expect(['live', ...READ.map((path) => path.split('/')[0])], `a test of ${view}`).toContain(view);
  }
});

async function expectUsable(page: Page, what: string): Promise<void> {
  await expectNoSidewaysScrolling(page, what);
  await expectAccessible(page, what);
}

for (const lang of ['en', 'ko'] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`every view is usable on the smallest phone and without eyes, ${lang}, ${colorScheme}`, async ({ page, serve, tolerated }) => {
      // The list of cameras has some that cannot be tested here: no camera program is installed.
      tolerated.push(/^Failed to load resource/);
      const server = await serve(TWO);
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(PHONE);
      await page.goto(`${server.url}login?lang=${lang}`);
      await expect(page.locator('h1')).not.toBeEmpty();
      await expectUsable(page, 'login');

      await logIn(page, server);
      const post = (path: string, data: object): Promise<unknown> => page.request.post(`${server.url}api/v1/${path}`, { data, maxRetries: 2 });
      await post('users', { name: 'a-user-with-a-name-that-does-not-want-to-end', password: PASSWORD, role: 'operator', cameras: ['door', 'yard'], allow: ['192.168.0.0/16', 'fd00:1234:5678::/48'] });
      await post('tokens', { name: 'Home Assistant in the living room', role: 'viewer', cameras: ['door'], expires_in_s: 86_400 });
      await post('links', { camera: 'yard', what: 'stream', expires_in_s: 86_400 });
      const open = async (path: string): Promise<void> => {
        await page.goto(`${server.url}?lang=${lang}#/${path}`);
        await page.reload();
        await expect(page.locator('html')).toHaveAttribute('lang', lang);
      };
      for (const view of READ) {
        await open(view);
        await expect(page.locator('.sheet h1')).toBeVisible();
        await expect(page.locator('.waiting')).toHaveCount(0);
        if (lang === 'ko') {
          await expect(page.locator('.sheet h1')).toHaveText(/[가-힣]/);
        }
        await expectUsable(page, view);
      }

      await open('live');
      await expect(page.locator('.tile').first()).toHaveAttribute('data-situation', 'live');
      await expectUsable(page, 'the wall');
      await open('live/door');
      await expectSituation(page, 'live');
      await expectUsable(page, 'one camera');
      await page.locator('.tool[aria-expanded]').click();
      await expect(page.locator('.control').first()).toBeVisible();
      await expectUsable(page, 'its controls');

      for (const mode of ['monitor', 'site']) {
        await page.goto(`${server.url}three.html?lang=${lang}&view=${mode}`);
        await expect(page.locator('#loading')).toBeHidden({ timeout: 60_000 });
        await expectUsable(page, `3D, ${mode}`);
        await page.locator('#set-up').click();
        await expect(page.locator('#panel')).toBeVisible();
        await expectUsable(page, `3D, ${mode}, being set up`);
      }
    });

    test(`the first form and trouble, ${lang}, ${colorScheme}`, async ({ page, serve, tolerated }) => {
      // The last is Chromium's, of a service worker whose server has gone.
      tolerated.push(/^Failed to load resource/, /WebSocket/, /error occurred when fetching the script/);
      const server = await serve({ login: true });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(PHONE);
      await page.goto(`${server.url}setup?lang=${lang}`);
      await expect(page.locator('#detail')).not.toBeEmpty();
      await expectUsable(page, 'setup');

      const open = await serve({ maxViewers: 1 });
      const leave = await open.watch();
      await page.goto(`${open.url}?lang=${lang}`);
      await expectSituation(page, 'full');
      await expectUsable(page, 'full');
      leave();
      await expectSituation(page, 'live', 20_000);
      await open.kill();
      await expectSituation(page, 'unreachable');
      await expectUsable(page, 'unreachable');
    });
  }
}
