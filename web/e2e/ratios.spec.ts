// A picture is never stretched, whatever its shape and that of its place: seen in the pixels on the screen.

import type { Page } from '@playwright/test';

import { expect, expectSituation, test } from './page.ts';
import { inspect, open, SOFTWARE_WEBGL } from './scene.ts';
import type { CameraConfig, Server } from './server.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
test.use({ launchOptions: { executablePath, args: SOFTWARE_WEBGL } });
test.setTimeout(180_000);

const SHAPES = {
  wide: { width: 640, height: 360 },
  usual: { width: 640, height: 480 },
  upright: { width: 360, height: 640 },
} as const;
type Shape = keyof typeof SHAPES;
const NAMES = Object.keys(SHAPES) as Shape[];

/** The side of the square that is in the middle of every picture. */
const SQUARE_PX = 200;

/** Red, with a green square in the middle. */
async function sight(page: Page, { width, height }: { width: number; height: number }): Promise<Buffer> {
  const base64 = await page.evaluate(async ([wide, high, side]) => {
    const canvas = new OffscreenCanvas(wide, high);
    const context = canvas.getContext('2d');
    if (context === null) {
      throw new Error('no canvas');
    }
    context.fillStyle = '#f00000';
    context.fillRect(0, 0, wide, high);
    context.fillStyle = '#00d000';
    context.fillRect((wide - side) / 2, (high - side) / 2, side, side);
    const jpeg = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
    return btoa(String.fromCharCode(...new Uint8Array(await jpeg.arrayBuffer())));
  }, [width, height, SQUARE_PX] as const);
  return Buffer.from(base64, 'base64');
}

async function cameras(page: Page): Promise<CameraConfig[]> {
  return Promise.all(NAMES.map(async (id, at) => ({
    id,
    name: id,
    source: `rpicam:${at}`,
    size: { ...SHAPES[id], framerate: 5 },
    sees: await sight(page, SHAPES[id]),
  })));
}

type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
type Seen = { readonly square: Box; readonly picture: Box };

/** Where on this part of the page the picture is, and the square in it, in pixels of the page. */
async function look(page: Page, clip: Box): Promise<Seen> {
  const shot = await page.screenshot({ clip });
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
    if (context === null) {
      throw new Error('no canvas');
    }
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const around = (isIn: (r: number, g: number, b: number) => boolean): Box => {
      // A row or column counts when a good part of it does: an edge is no picture.
      const columns = new Array<number>(bitmap.width).fill(0);
      const rows = new Array<number>(bitmap.height).fill(0);
      for (let at = 0; at < data.length; at += 4) {
        if (isIn(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)) {
          const x = (at / 4) % bitmap.width;
          const y = Math.floor(at / 4 / bitmap.width);
          columns[x] = (columns[x] ?? 0) + 1;
          rows[y] = (rows[y] ?? 0) + 1;
        }
      }
      const range = (counts: number[]): [number, number] => {
        const most = Math.max(...counts);
        const isPart = (count: number): boolean => count > most * 0.25 && count > 3;
        const first = counts.findIndex(isPart);
        return [first, counts.length - [...counts].reverse().findIndex(isPart) - first];
      };
      const [x, width] = range(columns);
      const [y, height] = range(rows);
      return { x, y, width, height };
    };
    const isGreen = (r: number, g: number, b: number): boolean => g > 24 && g > 2 * (r + b);
    const isRed = (r: number, g: number, b: number): boolean => r > 24 && r > 2 * (g + b);
    return { square: around(isGreen), picture: around((...rgb) => isRed(...rgb) || isGreen(...rgb)) };
  }, shot.toString('base64'));
}

/** The square is one, and all of the picture is there, in its own shape and inside of its place. */
function expectWhole({ square, picture }: Seen, shape: Shape, place: Box, what: string): void {
  const { width, height } = SHAPES[shape];
  expect(square.width, `${what}: there is a square`).toBeGreaterThan(20);
  // A pixel or two on each edge belong to both sides.
  const slack = 4 / Math.min(square.width, square.height) + 0.015;
  expect(Math.abs(square.width / square.height - 1), `${what}: ${JSON.stringify(square)}`).toBeLessThan(slack);
  expect(Math.abs(picture.width / square.width / (width / SQUARE_PX) - 1), `${what}: ${JSON.stringify(picture)}`).toBeLessThan(slack);
  expect(Math.abs(picture.height / square.height / (height / SQUARE_PX) - 1), `${what}: ${JSON.stringify(picture)}`).toBeLessThan(slack);
  // As large as the place allows.
  expect(picture.width > place.width - 4 || picture.height > place.height - 4, `${what}: ${JSON.stringify([picture, place])}`).toBe(true);
}

async function boxOf(page: Page, selector: string): Promise<Box> {
  const box = await page.locator(selector).boundingBox();
  if (box === null) {
    throw new Error(`${selector} is not shown`);
  }
  return box;
}

async function started(page: Page, serve: (config: { cameras: CameraConfig[] }) => Promise<Server>): Promise<Server> {
  return serve({ cameras: await cameras(page) });
}

for (const [name, viewport] of Object.entries({ desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } })) {
  test(`on the wall, alone and on the full screen: ${name}`, async ({ page, serve }) => {
    const server = await started(page, serve);
    await page.setViewportSize(viewport);
    await page.goto(server.url);
    for (const shape of NAMES) {
      const tile = `.tile[data-camera="${shape}"]`;
      await expect(page.locator(tile)).toHaveAttribute('data-situation', 'live', { timeout: 30_000 });
      await page.locator(tile).scrollIntoViewIfNeeded();
      await expect(async () => {
        const place = await boxOf(page, tile);
        expectWhole(await look(page, place), shape, place, `${shape} on the wall`);
      }).toPass();
    }
    for (const shape of NAMES) {
      await page.goto(`${server.url}#/live/${shape}`);
      await expectSituation(page, 'live', 30_000);
      await expect(async () => {
        const place = await boxOf(page, '#frame');
        expectWhole(await look(page, place), shape, place, `${shape} alone`);
      }).toPass();
      await page.getByRole('button', { name: 'Full screen' }).click();
      // The bars step back.
      await expect(page.locator('.app.quiet')).toBeAttached();
      await expect(async () => {
        const place = { x: 0, y: 0, ...viewport };
        expectWhole(await look(page, place), shape, place, `${shape} on the full screen`);
      }).toPass();
      await page.keyboard.press('Tab');
      await page.getByRole('button', { name: 'Leave full screen' }).click();
    }
  });
}

test('on the monitor in 3D, whole and filling it', async ({ page, serve }) => {
  await page.setViewportSize({ width: 900, height: 700 });
  const server = await started(page, serve);
  const whole: Seen[] = [];
  for (const shape of NAMES) {
    await open(page, server, `?camera=${shape}`);
    await expectSituation(page, 'live', 30_000);
    await expect.poll(async () => (await inspect(page)).frames).toBeGreaterThan(0);
    const place = await boxOf(page, '#scene');
    await expect(async () => {
      const seen = await look(page, place);
      const { width, height } = SHAPES[shape];
      // The eye is a little to the side: what it makes of a square it makes of the whole picture.
      expect(Math.abs(seen.picture.width / seen.square.width / (width / SQUARE_PX) - 1), JSON.stringify(seen)).toBeLessThan(0.06);
      expect(Math.abs(seen.picture.height / seen.square.height / (height / SQUARE_PX) - 1), JSON.stringify(seen)).toBeLessThan(0.06);
      whole.push(seen);
    }).toPass();
    await page.getByRole('button', { name: 'Fill the screen' }).click();
    await expect(async () => {
      const { square } = await look(page, place);
      const before = whole.at(-1)?.square ?? square;
      expect(square.width).toBeGreaterThanOrEqual(before.width - 2);
      expect(Math.abs(square.width / square.height / (before.width / before.height) - 1), 'filling it').toBeLessThan(0.06);
    }).toPass();
  }
  const ratios = whole.map(({ square }) => square.width / square.height);
  expect(Math.max(...ratios) / Math.min(...ratios), `the same square: ${ratios.join(' ')}`).toBeLessThan(1.06);
});
