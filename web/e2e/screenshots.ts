// Takes the pictures of the page that people look at before a release: `npm run screenshots`.
// They end up in test-results/screenshots/.

import type { Page } from '@playwright/test';

import { expectSituation, pretend, test } from './page.ts';

const SIZES = {
  phone: { width: 390, height: 844 },
  sideways: { width: 844, height: 390 },
  desktop: { width: 1280, height: 800 },
};

async function shoot(page: Page, name: string): Promise<void> {
  // The age and the state settle within a second.
  await page.waitForTimeout(1_200);
  await page.screenshot({ path: `test-results/screenshots/${name}.png` });
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const lang of ['en', 'ko']) {
    test(`live, ${colorScheme}, ${lang}`, async ({ page, serve }) => {
      const name = lang === 'ko' ? '현관' : 'Front door';
      const server = await serve({ cameras: [{ id: 'main', name }] });
      await page.emulateMedia({ colorScheme });
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        await page.goto(`${server.url}?lang=${lang}`);
        await expectSituation(page, 'live');
        await shoot(page, `${size}-${colorScheme}-${lang}`);
      }
    });

    test(`trouble, ${colorScheme}, ${lang}`, async ({ page, serve, tolerated }) => {
      tolerated.push(/^Failed to load resource/);
      const server = await serve({ maxViewers: 1 });
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(SIZES.phone);
      const leave = await server.watch();
      await page.goto(`${server.url}?lang=${lang}`);
      await expectSituation(page, 'full');
      await shoot(page, `full-${colorScheme}-${lang}`);
      leave();
      await expectSituation(page, 'live');
      await page.waitForTimeout(1_500);
      await server.kill();
      await expectSituation(page, 'unreachable');
      await shoot(page, `unreachable-${colorScheme}-${lang}`);
    });
  }
}

test('the camera in trouble', async ({ page, serve }) => {
  const server = await serve();
  await page.setViewportSize(SIZES.phone);
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await pretend(page, { newest_frame_age_ms: 3_200 });
  await expectSituation(page, 'late');
  await shoot(page, 'late');
  await pretend(page, { message: 'No camera was found. This is the test pattern.' });
  await expectSituation(page, 'placeholder');
  await shoot(page, 'placeholder');
  await pretend(page, { state: 'failed', message: 'The camera does not answer. Is its cable plugged in?' });
  await expectSituation(page, 'camera_error');
  await shoot(page, 'camera-error');
});

test('several cameras and full screen', async ({ page, serve }) => {
  const server = await serve({
    cameras: [
      { id: 'main', name: 'Front door' },
      { id: 'yard', name: 'Yard behind the house with a rather long name' },
    ],
  });
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await page.goto(`${server.url}?camera=yard`);
    await expectSituation(page, 'live');
    await shoot(page, `several-${size}`);
    await page.getByRole('button', { name: 'Full screen' }).click();
    await shoot(page, `full-screen-${size}`);
    await page.getByRole('button', { name: 'Leave full screen' }).click();
  }
});
