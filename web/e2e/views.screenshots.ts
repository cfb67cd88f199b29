// Pictures of the forms, the settings, the first run, empty lists and trouble, for people to look at: `npm run screenshots`.

import type { Page } from '@playwright/test';

import { logIn } from './people.ts';
import { expect, expectSituation, test } from './page.ts';
import type { Server } from './server.ts';

const SIZES = { phone: { width: 360, height: 780 }, desktop: { width: 1280, height: 800 } };

test.setTimeout(240_000);

for (const lang of ['en', 'ko']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    const shoot = async (page: Page, name: string): Promise<void> => {
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        await page.waitForTimeout(600);
        await page.screenshot({ path: `test-results/screenshots/${name}-${size}-${colorScheme}-${lang}.png` });
      }
      await page.setViewportSize(SIZES.desktop);
    };
    const open = async (page: Page, server: Server, path: string): Promise<void> => {
      await page.goto(`${server.url}?lang=${lang}#/${path}`);
      await page.reload();
      await expect(page.locator('.sheet h1')).toBeVisible();
      await expect(page.locator('.waiting')).toHaveCount(0);
    };

    test(`forms and the first run, ${lang}, ${colorScheme}`, async ({ page, serve, tolerated }) => {
      tolerated.push(/^Failed to load resource/);
      await page.emulateMedia({ colorScheme });
      const server = await serve({ login: true, cameras: [{ id: 'door', name: lang === 'ko' ? '현관' : 'Front door', source: 'rpicam:0' }] });
      await page.goto(`${server.url}setup?lang=${lang}`);
      await shoot(page, 'setup-without-code');
      await expect.poll(() => server.setupLink()).toBeDefined();
      await page.goto('about:blank');
      await page.goto((server.setupLink() ?? '').replace('setup#', `setup?lang=${lang}#`));
      await page.locator('#name').fill('root');
      await page.locator('#password').fill('correct horse battery');
      await shoot(page, 'setup');
      await page.locator('#go').click();
      await page.waitForURL(/settings[/]first/);
      await page.goto(`${server.url}?lang=${lang}#/settings/first`);
      await page.reload();
      await expect(page.locator('.found li').first().getByRole('img')).toBeVisible({ timeout: 20_000 });
      await shoot(page, 'first-run');
      await page.context().clearCookies();
      await page.goto(`${server.url}login?lang=${lang}`);
      await page.locator('#name').fill('root');
      await page.locator('#password').fill('wrong');
      await page.locator('#go').click();
      await expect(page.locator('#trouble')).toBeVisible();
      await shoot(page, 'login');
    });

    test(`settings and empty lists, ${lang}, ${colorScheme}`, async ({ page, serve, tolerated }) => {
      tolerated.push(/^Failed to load resource/, /WebSocket/);
      await page.emulateMedia({ colorScheme });
      const name = lang === 'ko' ? '현관' : 'Front door';
      const server = await serve({ admin: true, cameras: [{ id: 'door', name, source: 'rpicam:0' }, { id: 'yard', name: 'Yard', source: 'test' }] });
      await logIn(page, server);
      for (const view of ['incidents', 'viewers', 'access/tokens', 'access/links']) {
        await open(page, server, view);
        await shoot(page, `empty-${view.replace('/', '-')}`);
      }
      await open(page, server, 'settings');
      await shoot(page, 'settings');
      await page.getByRole('searchbox').fill('max_viewers');
      await page.locator('.entry').getByRole('textbox').first().fill('20');
      await shoot(page, 'settings-changed');
      await page.locator('.bar .primary').click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await shoot(page, 'settings-review');

      await page.goto(`${server.url}?lang=${lang}#/live/door`);
      await page.reload();
      await expectSituation(page, 'live');
      await page.waitForTimeout(1_500);
      await server.fault('camera=0 freeze');
      await expect(page.locator('#frame')).toHaveAttribute('data-placeholder', 'true', { timeout: 40_000 });
      await shoot(page, 'placeholder-shown');
      await server.kill();
      await expectSituation(page, 'unreachable');
      await shoot(page, 'offline');
      await page.goto('about:blank');
    });
  }
}
