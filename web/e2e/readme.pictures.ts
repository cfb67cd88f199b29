// The pictures in the README: `make pictures` writes them to docs/images. Test patterns alone are on them.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import { logIn } from './people.ts';
import { expect, expectSituation, test } from './page.ts';
import { inspect, open, SOFTWARE_WEBGL } from './scene.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
test.use({ launchOptions: { executablePath, args: SOFTWARE_WEBGL } });
test.setTimeout(300_000);

const FOLDER = join(import.meta.dirname, '../../docs/images');
const DESKTOP = { width: 1200, height: 750 };
const PHONE = { width: 390, height: 750 };
const WEBP_QUALITY = 0.82;

/** As WebP, which Chromium itself makes: a third of the PNG. */
async function keep(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(1_200);
  const shot = await page.screenshot();
  const webp = await page.evaluate(async ([base64, quality]) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    const made = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality })).arrayBuffer());
    let text = '';
    for (const byte of made) {
      text += String.fromCharCode(byte);
    }
    return btoa(text);
  }, [shot.toString('base64'), WEBP_QUALITY] as const);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${name}.webp`), Buffer.from(webp, 'base64'));
}

test('pictures for the README', async ({ page, serve }) => {
  const names = ['Front door', 'Yard', 'Garage', 'Hall'];
  const cameras = names.map((name, at) => ({ id: `cam${at}`, name, source: at === 3 ? 'test' : `rpicam:${at}`, size: { width: 640, height: 480, framerate: 5 } }));
  const server = await serve({ admin: true, cameras });
  await logIn(page, server);
  const wall = async (): Promise<void> => {
    await page.goto(server.url);
    for (const { id } of cameras) {
      await expect(page.locator(`.tile[data-camera="${id}"]`)).toHaveAttribute('data-situation', 'live', { timeout: 30_000 });
    }
  };
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize(DESKTOP);
  await wall();
  await keep(page, 'wall');

  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${server.url}#/live/cam0`);
  await expectSituation(page, 'live');
  await page.locator('.tool[aria-expanded]').click();
  await expect(page.locator('.control').first()).toBeVisible();
  await keep(page, 'camera');

  await page.setViewportSize(PHONE);
  await page.reload();
  await expectSituation(page, 'live');
  await keep(page, 'phone');

  await page.setViewportSize(DESKTOP);
  await page.goto(`${server.url}#/settings`);
  await page.reload();
  await page.locator('summary', { hasText: 'Hall' }).click();
  await keep(page, 'settings');

  await page.emulateMedia({ colorScheme: 'dark' });
  const placed = (camera: string, kind: string, at_m: number[], yaw_deg: number, pitch_deg: number): object => ({
    camera, kind, at_m, yaw_deg, pitch_deg, roll_deg: 0, width_m: 2.4, angle_deg: 62, reach_m: 6,
  });
  const site = {
    revision: 0,
    ground: { kind: 'grid', width_m: 12, scale: 1, turn_deg: 0 },
    cameras: [placed('cam0', 'screen', [-3.2, 1.3, 0], 28, 0), placed('cam1', 'frustum', [3, 2.6, 2.2], 35, -38), placed('cam2', 'screen', [-0.2, 1.3, -2.4], 0, 0)],
  };
  await page.request.put(`${server.url}api/v1/three/site`, { headers: { origin: new URL(server.url).origin }, data: site });
  await open(page, server, '?view=site');
  await expect.poll(async () => (await inspect(page)).frames).toBeGreaterThan(6);
  // A busy machine draws late; that is not what is to be shown.
  await expect(async () => {
    await expectSituation(page, 'live', 30_000);
    await keep(page, 'site');
    expect(await page.locator('#state').getAttribute('data-situation')).toBe('live');
  }).toPass({ timeout: 120_000 });

  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${server.url}#/system`);
  await page.reload();
  await expect(page.locator('.sheet h1')).toBeVisible();
  // The charts want something to show.
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const stop = new AbortController();
  for (const { id } of cameras) {
    const stream = await fetch(`${server.url}api/v1/cameras/${id}/stream`, { headers: { cookie }, signal: stop.signal });
    void stream.arrayBuffer().catch(() => undefined);
  }
  await page.waitForTimeout(40_000);
  await keep(page, 'system');
  stop.abort();
});
