// The 3D view in a real browser, before the real server, with WebGL drawn by Chromium itself.

import type { Page } from '@playwright/test';

import { gateway } from './gateway.ts';
import { plan, planes, red } from './models.ts';
import { expect, expectSituation, setVisibility, test } from './page.ts';
import { bring, expectMovingScreens, inspect, left, logIn, open, pixelsAt, scene, SOFTWARE_WEBGL } from './scene.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
test.use({ launchOptions: { executablePath, args: SOFTWARE_WEBGL }, viewport: { width: 640, height: 480 } });
// Pixels are made by the processor here, and it has other things to do.
test.setTimeout(120_000);

/** What the browser says by itself when a request fails; the page says it in its own words. */
const FAILED_REQUEST = /^Failed to load resource|error occurred when fetching the script/;

test('the monitor shows the live picture in its own colours and draws no more than it has to', async ({ page, serve }) => {
  const server = await serve();
  await open(page, server);
  await expectSituation(page, 'live');
  await expect(page.getByRole('img', { name: /^Live picture from Front door in a 3D scene/ })).toBeVisible();
  await expectMovingScreens(page, 1);
  // The bars of the test pattern, as the flat picture has them: wrong light would make them paler or darker.
  const bars = await page.evaluate(async () => {
    const bitmap = await createImageBitmap(await (await fetch('snapshot')).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
    context?.drawImage(bitmap, 0, 0);
    return [0.36, 0.45, 0.53, 0.61].map((x) => {
      const pixel = context?.getImageData(Math.round(x * bitmap.width), Math.round(0.36 * bitmap.height), 1, 1).data;
      return [...(pixel ?? [])].slice(0, 3);
    });
  });
  const [place] = (await inspect(page)).places;
  const seen = await pixelsAt(page, place ?? { x: 0, y: 0 }, 180);
  for (const bar of bars) {
    const near = seen.filter((pixel) => pixel.every((value, i) => Math.abs(value - (bar[i] ?? 0)) <= 8));
    expect(near.length, `pixels like rgb(${bar.join(', ')})`).toBeGreaterThan(30);
  }
  const before = await inspect(page);
  await page.waitForTimeout(2_000);
  const after = await inspect(page);
  // One for each picture at most, and a few for what else changes.
  expect(after.draws - before.draws).toBeLessThanOrEqual(after.frames - before.frames + 3);
});

test('nothing is drawn while nothing changes', async ({ page, serve, tolerated }) => {
  tolerated.push(FAILED_REQUEST, /WebSocket/);
  const server = await serve();
  await open(page, server);
  await expectSituation(page, 'live');
  await server.kill();
  await expectSituation(page, 'unreachable', 30_000);
  await expect(page.locator('#note-title')).toHaveText('Unreachable');
  await page.waitForTimeout(500);
  const before = (await inspect(page)).draws;
  await page.waitForTimeout(1_500);
  expect((await inspect(page)).draws).toBe(before);
  await scene(page).press('ArrowLeft');
  await expect.poll(async () => (await inspect(page)).draws).toBeGreaterThan(before);
  await server.restart();
  await expectSituation(page, 'live', 45_000);
  await expectMovingScreens(page, 1);
});

test('where no socket comes through, the stream is on the screen, and a hidden tab gives its place back', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve();
  const between = await gateway(server.url);
  await page.goto(`${between.url}three.html`);
  await expect(page.locator('#loading')).toBeHidden({ timeout: 30_000 });
  await expectSituation(page, 'live', 30_000);
  expect(between.refused()).toBeGreaterThan(1);
  await expectMovingScreens(page, 1);
  const before = await inspect(page);
  await page.waitForTimeout(2_000);
  const after = await inspect(page);
  expect(after.draws - before.draws).toBeLessThanOrEqual(after.frames - before.frames + 3);
  expect(await server.viewers()).toBe(1);

  await setVisibility(page, 'hidden');
  await expect.poll(() => server.viewers(), { timeout: 20_000 }).toBe(0);
  expect(await left(page)).toEqual({ geometries: 0, textures: 0, programs: 0 });
  await setVisibility(page, 'visible');
  await expectSituation(page, 'live', 30_000);
  await expectMovingScreens(page, 1);
  await page.goto('about:blank');
  await between.close();
});

test('a camera that freezes is told in the scene, and is live again without a reload', async ({ page, serve }) => {
  const server = await serve({ cameras: [{ id: 'main', name: 'Front door', source: 'rpicam:0' }] });
  await open(page, server);
  await expectSituation(page, 'live', 30_000);
  await page.evaluate(() => { document.body.dataset.mark = 'same page'; });
  await server.fault('camera=0 freeze');
  await expect(page.locator('#state')).toHaveAttribute('data-placeholder', 'true', { timeout: 60_000 });
  await expect(page.locator('#note-detail')).not.toBeEmpty();
  await expectSituation(page, 'live', 60_000);
  await expect(page.locator('#state')).toHaveAttribute('data-placeholder', 'false');
  await expect(page.locator('#note')).toBeHidden();
  await expectMovingScreens(page, 1);
  await expect(page.locator('body')).toHaveAttribute('data-mark', 'same page');
});

test('another size of the window keeps the proportions', async ({ page, serve }) => {
  const server = await serve();
  await open(page, server);
  for (const [width, height] of [[360, 740], [900, 420], [640, 480]] as const) {
    await page.setViewportSize({ width, height });
    await expect(async () => {
      const sizes = await scene(page).evaluate((canvas) => {
        const { width, height, clientWidth, clientHeight } = canvas as HTMLCanvasElement;
        const host = canvas.parentElement;
        return { width, height, clientWidth, clientHeight, hostWidth: host?.clientWidth, hostHeight: host?.clientHeight };
      });
      expect(sizes.clientWidth).toBe(sizes.hostWidth);
      expect(sizes.clientHeight).toBe(sizes.hostHeight);
      expect([sizes.width, sizes.height]).toEqual([sizes.clientWidth, sizes.clientHeight]);
    }).toPass();
    // The screen's middle stays on the canvas, wherever that is now.
    const { places } = await inspect(page);
    const box = await scene(page).boundingBox();
    expect(places[0]?.x).toBeGreaterThan((box?.width ?? 0) * 0.3);
    expect(places[0]?.x).toBeLessThan((box?.width ?? 0) * 0.7);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBe(0);
  }
});

test('?camera= chooses, and the way to the flat picture and back keeps the camera', async ({ page, serve }) => {
  const server = await serve({ cameras: [{ id: 'main', name: 'Front door' }, { id: 'yard', name: 'Yard' }] });
  await open(page, server, '?camera=yard');
  await expect(page.getByRole('heading', { name: 'Yard' })).toBeAttached();
  await expectSituation(page, 'live');
  await page.getByRole('link', { name: 'Flat picture' }).click();
  await expect(page).toHaveURL(/#[/]live[/]yard$/);
  await page.getByRole('link', { name: '3D' }).click();
  await expect(page).toHaveURL(/three[.]html[?]camera=yard$/);
  await page.getByLabel('Camera').selectOption('main');
  await expect(page).toHaveURL(/[?]camera=main$/);
  await expectSituation(page, 'live');
});

test.describe('a model of one’s own', () => {
  test('two screens show the picture, brought in the page itself', async ({ page, serve, tolerated }) => {
    tolerated.push(FAILED_REQUEST);
    const server = await serve({ admin: true });
    await logIn(page, server);
    await open(page, server);
    await page.getByRole('button', { name: 'Set up' }).click();
    const file = page.getByLabel('Model with a screen: Choose a file …');
    await file.setInputFiles({ name: 'broken.glb', mimeType: 'model/gltf-binary', buffer: Buffer.from('this is no model at all') });
    await expect(page.locator('[data-of="model"]')).toHaveText(/It is no GLB file/);
    const model = await planes({ name: 'Screen', x: -0.75 }, { name: 'Screen.001', x: 0.75 }, { name: 'Wall', x: 2.6 });
    await file.setInputFiles({ name: 'two.glb', mimeType: 'model/gltf-binary', buffer: model });
    await expect(page.locator('[data-of="model"]')).toHaveText('Done.');
    await page.getByRole('button', { name: 'Close' }).first().click();
    await expect(page.locator('#loading')).toBeHidden();
    await expectMovingScreens(page, 2);
    await expect(page.locator('#said')).toBeHidden();

    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('button', { name: 'Use the standard one' }).click();
    await expect(page.locator('[data-piece="model"] .hint')).toHaveText(/^Standard/);
    await expect.poll(async () => (await inspect(page)).places.length).toBe(1);
  });

  test('without a node named Screen, the sixth material shows it', async ({ page, serve }) => {
    const server = await serve({ admin: true });
    await logIn(page, server);
    expect(await bring(page, server, 'model', await planes({ name: 'Cube', x: 0, parts: 6 }))).toBe(204);
    await open(page, server);
    await expectMovingScreens(page, 1);
    await expect(page.locator('#said')).toBeHidden();
  });

  test('with neither, the page says which nodes there are and shows its own monitor', async ({ page, serve }) => {
    const server = await serve({ admin: true });
    await logIn(page, server);
    expect(await bring(page, server, 'model', await planes({ name: 'Lamp <b>', x: 0 }, { name: 'Table', x: 2 }))).toBe(204);
    await open(page, server);
    await expect(page.locator('#said-word')).toHaveText(/no mesh on a node named “Screen”.*Its nodes: Lamp <b>, Table[.]$/);
    await expectMovingScreens(page, 1);
  });

  test('a file that the loader cannot read is said, and the standard monitor is there', async ({ page, serve }) => {
    const server = await serve({ admin: true });
    await logIn(page, server);
    expect(await bring(page, server, 'model', await planes({ name: 'Screen', x: 0 }))).toBe(204);
    await page.route('**/api/v1/three/model?*', (route) => route.fulfill({ body: Buffer.from('glTF, but not really'), contentType: 'model/gltf-binary' }));
    await open(page, server);
    await expect(page.locator('#said-word')).toHaveText('Your model cannot be shown, so this is the standard monitor.');
    await expectMovingScreens(page, 1);
  });

  test('a background of one’s own is around it, and one that cannot be read is said', async ({ page, serve }) => {
    const server = await serve({ admin: true });
    await logIn(page, server);
    expect(await bring(page, server, 'background', red())).toBe(204);
    await open(page, server);
    await expectMovingScreens(page, 1);
    await expect(page.locator('#said')).toBeHidden();
    const corner = await pixelsAt(page, { x: 30, y: 240 }, 20);
    for (const [r = 0, g = 0, b = 0] of corner) {
      expect(r).toBeGreaterThan(90);
      expect(Math.max(g, b)).toBeLessThan(r / 2);
    }
    await page.route('**/api/v1/three/background?*', (route) => route.fulfill({ body: '#?RADIANCE\nnot really' }));
    await page.reload();
    await expect(page.locator('#said-word')).toHaveText('Your background cannot be shown, so this is the standard one.');
    await expectMovingScreens(page, 1);
  });

  test('a house of one’s own carries the site', async ({ page, serve }) => {
    const server = await serve({ admin: true });
    await logIn(page, server);
    expect(await bring(page, server, 'house', await planes({ name: 'Wall', x: 0 }, { name: 'Wall 2', x: 2 }))).toBe(204);
    const wall = { camera: 'main', kind: 'frustum', at_m: [0, 0, 1], yaw_deg: 0, pitch_deg: 0, roll_deg: 0, width_m: 1, angle_deg: 60, reach_m: 1.1 };
    const answer = await page.request.put(`${server.url}api/v1/three/site`, {
      headers: { origin: new URL(server.url).origin },
      data: { revision: 0, ground: { kind: 'house', width_m: 20, scale: 1, turn_deg: 0 }, cameras: [wall] },
    });
    expect(answer.status()).toBe(200);
    await open(page, server, '?view=site');
    await expect(page.locator('#said')).toBeHidden();
    // The far end is behind the wall: what moves there is thrown onto it.
    await expectMovingScreens(page, 1);
  });

  test('nobody but an administrator is offered to bring one', async ({ page, serve }) => {
    const server = await serve();
    await open(page, server);
    await expect(page.getByRole('button', { name: 'Set up' })).toBeHidden();
    expect(await bring(page, server, 'model', await planes({ name: 'Screen', x: 0 }))).toBe(403);
  });
});

test('cameras are placed on a floor plan, saved, and there again after a reload', async ({ page, serve }) => {
  await page.setViewportSize({ width: 1000, height: 640 });
  const server = await serve({ admin: true, cameras: [{ id: 'main', name: 'Front door' }, { id: 'yard', name: 'Yard' }] });
  await logIn(page, server);
  await open(page, server);
  await page.getByRole('radio', { name: 'Site' }).check();
  await expect(page.locator('#note-detail')).toHaveText(/No camera has a place yet/);
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.getByLabel('Floor plan: Choose a file …').setInputFiles({ name: 'plan.png', mimeType: 'image/png', buffer: plan() });
  await expect(page.locator('[data-of="plan"]')).toHaveText('Done.');
  await expect(page.getByLabel('Ground')).toHaveValue('plan');
  await page.getByRole('button', { name: 'Place', exact: true }).click();
  await page.getByLabel('Right (m)').fill('-2.5');
  await page.getByLabel('Direction (°)').fill('25');
  await page.getByLabel('Cameras').selectOption('yard');
  await page.getByRole('button', { name: 'Place', exact: true }).click();
  await page.getByLabel('Shown as').selectOption('frustum');
  await page.getByLabel('Up (m)').fill('3');
  // Straight down, and its far end just below the floor: what is seen there is thrown onto the plan.
  await page.getByLabel('Tilt (°)').fill('-90');
  await page.getByLabel('Reach (m)').fill('3.2');
  await page.getByLabel('Lens (°)').fill('70');
  await expect(page.locator('[data-of="site"]')).toHaveText('Not saved yet.');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('[data-of="site"]')).toHaveText('Saved.');

  await page.reload();
  await expect(page.locator('#loading')).toBeHidden({ timeout: 30_000 });
  await expectMovingScreens(page, 2);
  const { memory } = await inspect(page);
  await page.getByRole('button', { name: 'Set up' }).click();
  await expect(page.getByLabel('Ground')).toHaveValue('plan');
  await page.getByLabel('Cameras').selectOption('main');
  await expect(page.getByLabel('Right (m)')).toHaveValue('-2.5');
  await expect(page.getByLabel('Direction (°)')).toHaveValue('25');
  await page.getByLabel('Cameras').selectOption('yard');
  await expect(page.getByLabel('Shown as')).toHaveValue('frustum');
  await expect(page.getByLabel('Lens (°)')).toHaveValue('70');
  await page.getByRole('button', { name: 'Close' }).first().click();

  // To the screen of the front door: it is in the middle then, and large.
  await page.getByRole('button', { name: 'Front door' }).click();
  await expect(page).toHaveURL(/camera=main/);
  await expect(async () => {
    const { places } = await inspect(page);
    const box = await scene(page).boundingBox();
    expect(Math.abs((places[0]?.x ?? 0) - (box?.width ?? 0) / 2)).toBeLessThan(8);
  }).toPass();
  // What was built for the handles is gone with them.
  await expect.poll(async () => (await inspect(page)).memory.textures).toBeLessThanOrEqual(memory.textures);
});

/** As a browser does it when the page goes away, and when it comes back. */
async function closeAndOpen(page: Page): Promise<void> {
  await page.evaluate(() => window.dispatchEvent(new Event('pagehide')));
  expect(await left(page)).toEqual({ geometries: 0, textures: 0, programs: 0 });
  await expect(scene(page)).toHaveCount(0);
  await page.evaluate(() => window.dispatchEvent(new Event('pageshow')));
  await expect(page.locator('#loading')).toBeHidden({ timeout: 30_000 });
  await expect.poll(async () => (await inspect(page)).frames).toBeGreaterThan(0);
}

test('opened and closed fifty times, nothing stays on the GPU', async ({ page, serve }) => {
  // Four minutes on two busy cores; a limit for a test that has failed.
  test.setTimeout(1_200_000);
  await page.setViewportSize({ width: 360, height: 400 });
  const server = await serve();
  await open(page, server);
  await expect.poll(async () => (await inspect(page)).frames).toBeGreaterThan(0);
  const settled = async () => {
    const { draws } = await inspect(page);
    await expect.poll(async () => (await inspect(page)).draws).toBeGreaterThan(draws + 1);
    return (await inspect(page)).memory;
  };
  const first = await settled();
  for (let round = 0; round < 50; round += 1) {
    await closeAndOpen(page);
  }
  expect(await settled()).toEqual(first);
  expect(await server.viewers()).toBe(1);
});

test('a change of what is shown leaves nothing behind', async ({ page, serve }) => {
  const server = await serve();
  await open(page, server);
  await expect(page.locator('#loading')).toBeHidden();
  const { draws } = await inspect(page);
  await expect.poll(async () => (await inspect(page)).draws).toBeGreaterThan(draws + 1);
  const first = (await inspect(page)).memory;
  for (let round = 0; round < 5; round += 1) {
    for (const mode of ['Site', 'Monitor']) {
      await page.getByRole('radio', { name: mode }).check();
      await expect(page.locator('#loading')).toBeHidden();
    }
  }
  await expect.poll(async () => (await inspect(page)).memory).toEqual(first);
});

test('a lost context is made anew', async ({ page, serve, tolerated }) => {
  tolerated.push(/Context Lost|CONTEXT_LOST/i);
  const server = await serve();
  await open(page, server);
  await expectSituation(page, 'live');
  await scene(page).evaluate((canvas) => {
    canvas.dataset.old = '';
    (canvas as HTMLCanvasElement).getContext('webgl2')?.getExtension('WEBGL_lose_context')?.loseContext();
  });
  await expect(page.locator('#scene > canvas:not([data-old])')).toHaveCount(1);
  await expect(page.locator('#scene > canvas')).toHaveCount(1);
  await expect(page.locator('#loading')).toBeHidden();
  await expectMovingScreens(page, 1);
});

test('without WebGL there are plain words and the flat picture', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebGL/);
  await page.addInitScript(() => {
    const { prototype } = HTMLCanvasElement;
    // eslint-disable-next-line @typescript-eslint/unbound-method
    const real = prototype.getContext;
    const none = function (this: HTMLCanvasElement, kind: string): unknown {
      return kind.startsWith('webgl') ? null : real.call(this, kind);
    };
    Object.assign(prototype, { getContext: none });
  });
  const server = await serve();
  await page.goto(`${server.url}three.html`);
  await expect(page.locator('#note-title')).toHaveText('No 3D on this device');
  await page.getByRole('link', { name: 'Flat picture' }).first().click();
  await expect(page).toHaveURL(`${server.url}#/live/main`);
});
