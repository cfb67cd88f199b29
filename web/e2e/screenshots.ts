// Takes the pictures of the page that people look at before a release: `npm run screenshots`.
// They end up in test-results/screenshots/.

import type { Page } from '@playwright/test';

import { gateway } from './gateway.ts';
import { expect, expectSituation, pretend, test } from './page.ts';
import { PASSWORD } from './server.ts';

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

    test(`no server, ${colorScheme}, ${lang}`, async ({ page, serve, tolerated }) => {
      tolerated.push(/^Failed to load resource/);
      const server = await serve();
      await page.emulateMedia({ colorScheme });
      await page.goto(`${server.url}?lang=${lang}`);
      const kept = (): Promise<string | undefined> => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state);
      await expect.poll(kept, { timeout: 30_000 }).toBe('activated');
      await server.kill();
      await page.goto(`${server.url}?lang=${lang}`);
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        await shoot(page, `offline-${size}-${colorScheme}-${lang}`);
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

test('the camera in trouble', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve();
  await page.setViewportSize(SIZES.phone);
  const between = await gateway(server.url);
  await page.goto(between.url);
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
  await page.goto('about:blank');
  await between.close();
});

for (const lang of ['en', 'ko']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`wall and panel, ${colorScheme}, ${lang}`, async ({ page, serve }) => {
      const names = lang === 'ko'
        ? ['현관', '마당', '차고', '지하실']
        : ['Front door', 'Yard behind the house with a rather long name', 'Garage', 'Cellar'];
      const cameras = names.map((name, at) => ({ id: `cam${at}`, name, source: at === 1 ? 'rpicam:1' : 'test' }));
      const server = await serve({ admin: true, cameras });
      await page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password: PASSWORD } });
      await page.emulateMedia({ colorScheme });
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        await page.goto(`${server.url}?lang=${lang}#/live`);
        await page.reload();
        for (let at = 0; at < 4; at += 1) {
          await expect(page.locator(`.tile[data-camera="cam${at}"]`)).toHaveAttribute('data-situation', 'live');
        }
        await shoot(page, `wall-${size}-${colorScheme}-${lang}`);
        await page.goto(`${server.url}?lang=${lang}#/live/cam1`);
        await expectSituation(page, 'live');
        await shoot(page, `alone-${size}-${colorScheme}-${lang}`);
        await page.locator('.tool[aria-expanded]').click();
        await expect(page.locator('.control').first()).toBeVisible();
        await shoot(page, `panel-${size}-${colorScheme}-${lang}`);
      }
      await page.reload();
      await page.getByRole('button', { name: /^(?:Share|공유)$/ }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await shoot(page, `share-${colorScheme}-${lang}`);
    });
  }
}

test('sixteen cameras', async ({ page, serve }) => {
  const cameras = Array.from({ length: 16 }, (_, at) => ({ id: `cam${at}`, name: `Camera ${at + 1}` }));
  const server = await serve({ cameras, maxViewers: 40 });
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await page.goto(server.url);
    await page.reload();
    await expect(page.locator('.tile[data-camera="cam15"]')).toHaveAttribute('data-situation', 'live', { timeout: 30_000 });
    await shoot(page, `sixteen-${size}`);
  }
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

const READ = ['incidents', 'viewers', 'system', 'log', 'access/users', 'access/tokens', 'access/links', 'access/sessions', 'access/audit', 'account'];

for (const lang of ['en', 'ko']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`views that are read, ${colorScheme}, ${lang}`, async ({ page, serve }) => {
      test.setTimeout(240_000);
      const names = lang === 'ko' ? ['현관', '마당'] : ['Front door', 'Yard behind the house'];
      const server = await serve({ admin: true, cameras: names.map((name, at) => ({ id: `cam${at}`, name, source: `rpicam:${at}` })) });
      await page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password: PASSWORD } });
      const post = async (path: string, data: object): Promise<void> => {
        expect((await page.request.post(`${server.url}api/v1/${path}`, { data })).ok()).toBe(true);
      };
      await post('users', { name: 'kim', password: PASSWORD, role: 'operator', cameras: ['cam0'], allow: ['192.168.0.0/16'] });
      await post('users', { name: 'lee', password: PASSWORD, role: 'viewer' });
      await post('tokens', { name: 'Home Assistant', role: 'viewer', cameras: ['cam0'], expires_in_s: 2_592_000 });
      await post('tokens', { name: 'Recorder', role: 'viewer', allow: ['192.168.1.20'] });
      await post('links', { camera: 'cam1', what: 'stream', expires_in_s: 86_400 });
      await page.emulateMedia({ colorScheme });
      // Two who watch, and one camera that freezes.
      const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
      const stop = new AbortController();
      for (const path of ['cameras/cam0/stream', 'cameras/cam0/stream?width=320', 'cameras/cam1/stream']) {
        const stream = await fetch(`${server.url}api/v1/${path}`, { headers: { cookie }, signal: stop.signal });
        void stream.arrayBuffer().catch(() => undefined);
      }
      await page.goto(`${server.url}?lang=${lang}#/system`);
      await page.waitForTimeout(3_000);
      await server.fault('camera=1 freeze');
      await page.waitForTimeout(22_000);
      await server.fault('camera=1 freeze');
      await page.waitForTimeout(9_000);
      for (const view of READ) {
        await page.goto(`${server.url}?lang=${lang}#/${view}`);
        await expect(page.locator('.sheet h1')).toBeVisible();
        for (const [size, viewport] of Object.entries({ phone: { width: 360, height: 780 }, desktop: SIZES.desktop })) {
          await page.setViewportSize(viewport);
          await shoot(page, `${view.replace('/', '-')}-${size}-${colorScheme}-${lang}`);
        }
      }
      await page.goto(`${server.url}?lang=${lang}#/access/users`);
      await page.setViewportSize({ width: 360, height: 780 });
      await page.locator('.section-head .primary').click();
      await shoot(page, `user-form-${colorScheme}-${lang}`);
      stop.abort();
    });
  }
}
