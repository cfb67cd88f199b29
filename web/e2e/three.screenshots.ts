// Pictures of the 3D view, for people to look at: `npm run screenshots`.

import type { Page } from '@playwright/test';

import { planes } from './models.ts';
import { expectSituation, test } from './page.ts';
import { bring, inspect, logIn, open, SOFTWARE_WEBGL } from './scene.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
test.use({ launchOptions: { executablePath, args: SOFTWARE_WEBGL } });
test.setTimeout(180_000);

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };
const CAMERAS = [
  { id: 'main', name: 'Front door' },
  { id: 'yard', name: 'Yard' },
  { id: 'hall', name: 'Hall with a rather long name' },
];

async function shoot(page: Page, name: string): Promise<void> {
  const { draws } = await inspect(page);
  await test.expect.poll(async () => (await inspect(page)).draws, { timeout: 30_000 }).toBeGreaterThan(draws + 2);
  await page.waitForTimeout(500);
  await page.screenshot({ path: `test-results/screenshots/three-${name}.png` });
}

for (const [colorScheme, lang] of [['light', 'en'], ['dark', 'ko'], ['dark', 'en']] as const) {
  test(`3D, ${colorScheme}, ${lang}`, async ({ page, serve }) => {
    const server = await serve({ admin: true, cameras: CAMERAS });
    await logIn(page, server);
    await page.emulateMedia({ colorScheme });
    const placed = (camera: string, kind: string, at_m: number[], yaw_deg: number, pitch_deg: number) => ({
      camera, kind, at_m, yaw_deg, pitch_deg, roll_deg: 0, width_m: 2.4, angle_deg: 62, reach_m: 6,
    });
    await page.request.put(`${server.url}api/v1/three/site`, {
      headers: { origin: new URL(server.url).origin },
      data: {
        revision: 0,
        ground: { kind: 'grid', width_m: 12, scale: 1, turn_deg: 0 },
        cameras: [placed('main', 'screen', [-3.4, 1.3, 0], 28, 0), placed('yard', 'frustum', [3, 2.6, 2.2], 35, -38), placed('hall', 'screen', [-0.4, 1.3, -2.4], 0, 0)],
      },
    });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      const name = `${size}-${colorScheme}-${lang}`;
      await open(page, server, `?lang=${lang}`);
      await expectSituation(page, 'live');
      await shoot(page, `monitor-${name}`);
      await page.locator('#set-up').click();
      await shoot(page, `monitor-set-up-${name}`);
      await open(page, server, `?lang=${lang}&view=site&camera=yard`);
      await expectSituation(page, 'live');
      await shoot(page, `site-${name}`);
      await page.locator('#set-up').click();
      await page.locator('[data-chosen]').selectOption('yard');
      await shoot(page, `site-set-up-${name}`);
    }
  });
}

test('3D, in trouble', async ({ page, serve, tolerated }) => {
  tolerated.push(/^Failed to load resource/, /WebSocket/);
  const server = await serve({ admin: true });
  await logIn(page, server);
  await page.setViewportSize(SIZES.phone);
  await bring(page, server, 'model', await planes({ name: 'Lamp', x: 0 }, { name: 'Table', x: 2 }));
  await open(page, server);
  await expectSituation(page, 'live');
  await shoot(page, 'no-screen');
  await server.kill();
  await expectSituation(page, 'unreachable', 30_000);
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: 'test-results/screenshots/three-unreachable.png' });
});
