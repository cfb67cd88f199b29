// What the tests of the 3D view look at: the page's own numbers, and the pixels that are on the screen.

import { expect, type Locator, type Page } from '@playwright/test';

import type { Server } from './server.ts';

export const PASSWORD = 'correct horse battery';

/** Without a graphics processor: Chromium draws by itself. */
export const SOFTWARE_WEBGL = ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic'];

export type Memory = { readonly geometries: number; readonly textures: number; readonly programs: number };

export type Inspection = {
  readonly draws: number;
  readonly frames: number;
  readonly memory: Memory;
  readonly places: readonly { readonly x: number; readonly y: number }[];
};

type Hook = { readonly cctvThree: { inspect(): Inspection | null; left(): Memory | null } };

export function scene(page: Page): Locator {
  return page.locator('#scene > canvas');
}

export async function inspect(page: Page): Promise<Inspection> {
  const found = await page.evaluate(() => (window as unknown as Hook).cctvThree.inspect());
  if (found === null) {
    throw new Error('there is no scene');
  }
  return found;
}

/** What was left on the GPU when the scene was closed. */
export async function left(page: Page): Promise<Memory | null> {
  return page.evaluate(() => (window as unknown as Hook).cctvThree.left());
}

export async function open(page: Page, server: Server, query = ''): Promise<void> {
  await page.goto(`${server.url}three.html${query}`);
  await expect(page.locator('#loading')).toBeHidden({ timeout: 30_000 });
}

export async function logIn(page: Page, server: Server): Promise<void> {
  const answer = await page.request.post(`${server.url}api/v1/session`, { data: { name: 'admin', password: PASSWORD } });
  expect(answer.status()).toBeLessThan(300);
}

/** Brings a file as an administrator's program would. */
export async function bring(page: Page, server: Server, name: string, file: Buffer): Promise<number> {
  const answer = await page.request.put(`${server.url}api/v1/three/${name}`, {
    data: file,
    headers: { 'content-type': 'application/octet-stream', origin: new URL(server.url).origin },
  });
  return answer.status();
}

/** Reads the pixels around a place of the scene back, as they are shown. */
export async function pixelsAt(page: Page, at: { x: number; y: number }, size = 40): Promise<number[][]> {
  const box = await scene(page).boundingBox();
  if (box === null) {
    throw new Error('the scene is not shown');
  }
  const shot = await page.screenshot({
    clip: { x: box.x + at.x - size / 2, y: box.y + at.y - size / 2, width: size, height: size },
  });
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context?.drawImage(bitmap, 0, 0);
    const { data } = context?.getImageData(0, 0, bitmap.width, bitmap.height) ?? { data: new Uint8ClampedArray() };
    const out: number[][] = [];
    for (let i = 0; i < data.length; i += 4) {
      out.push([data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0]);
    }
    return out;
  }, shot.toString('base64'));
}

/** How many of these pixels differ visibly. */
export function difference(a: readonly number[][], b: readonly number[][]): number {
  return a.filter((pixel, i) => pixel.some((value, k) => Math.abs(value - (b[i]?.[k] ?? 0)) > 12)).length;
}

/** The picture changes on every one of the screens, while nothing else moves. */
export async function expectMovingScreens(page: Page, count: number): Promise<void> {
  await expect.poll(async () => (await inspect(page)).frames).toBeGreaterThan(2);
  await expect.poll(async () => (await inspect(page)).places.length).toBe(count);
  for (let i = 0; i < count; i++) {
    await expect(async () => {
      // Looked for anew: the eye may still be on its way.
      const place = (await inspect(page)).places[i] ?? { x: 0, y: 0 };
      const first = await pixelsAt(page, place, 90);
      await page.waitForTimeout(500);
      expect(difference(first, await pixelsAt(page, place, 90)), 'pixels that changed').toBeGreaterThan(20);
    }).toPass({ timeout: 60_000 });
  }
}
