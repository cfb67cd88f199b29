// The wall, one camera with all that can be done with it, and what happens when something fails: in a real browser, before
// the real server and simulated cameras.

import type { Locator, Page } from '@playwright/test';

import { gateway } from './gateway.ts';
import { expect, expectMoving, expectSituation, picture, test } from './page.ts';
import { PASSWORD, type Server, type ServerConfig } from './server.ts';

const FOUR: ServerConfig = {
  cameras: ['Front door', 'Yard', 'Garage', 'Cellar <b>'].map((name, at) => ({ id: `cam${at}`, name, source: `rpicam:${at}` })),
};
/** What the server says of a camera that gives no pictures. */
const STANDS_IN = /^(?:The camera|No picture)/;
const FIRST: ServerConfig = { admin: true, cameras: [{ id: 'main', name: 'Front door', source: 'rpicam:0' }] };

async function logIn(page: Page, server: Server, name = 'admin'): Promise<void> {
  const answer = await page.request.post(`${server.url}api/v1/session`, { data: { name, password: PASSWORD } });
  expect(answer.ok()).toBe(true);
}

function tile(page: Page, id: string): Locator {
  return page.locator(`.tile[data-camera="${id}"]`);
}

async function order(page: Page): Promise<(string | null)[]> {
  return page.locator('.tile').evaluateAll((tiles) => tiles.map((one) => one.getAttribute('data-camera')));
}

async function expectTile(page: Page, id: string, situation: string, timeout = 20_000): Promise<void> {
  await expect(tile(page, id)).toHaveAttribute('data-situation', situation, { timeout });
}

test('four cameras share the screen, small ones cost little, and the order stays', async ({ page, serve }) => {
  const server = await serve(FOUR);
  await page.setViewportSize({ width: 1000, height: 760 });
  await page.goto(server.url);
  for (let at = 0; at < 4; at += 1) {
    await expectTile(page, `cam${at}`, 'live');
    await expect(tile(page, `cam${at}`).locator('.tile-age')).toHaveText(/^(?:under )?\d/);
  }
  await expect(tile(page, 'cam3').locator('.tile-name')).toHaveText('Cellar <b>');
  await expect.poll(() => server.viewers()).toBe(4);
  // A tile asks for what it can show: the server makes it once for all who do.
  await expect.poll(() => tile(page, 'cam0').locator('.moving').evaluate((canvas: HTMLCanvasElement) => canvas.width)).toBeLessThanOrEqual(640);
  const boxes = await Promise.all([0, 1, 2, 3].map((at) => tile(page, `cam${at}`).boundingBox()));
  for (const box of boxes) {
    expect((box?.width ?? 0) / (box?.height ?? 1)).toBeCloseTo(4 / 3, 1);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(760);
  }

  // By the keyboard: the first one place to the right, and the last one to the front.
  await tile(page, 'cam0').getByRole('button', { name: 'Move Front door' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => order(page)).toEqual(['cam1', 'cam0', 'cam2', 'cam3']);
  await expect(tile(page, 'cam0').getByRole('button')).toBeFocused();
  await expect(page.getByText('Front door is now 2 of 4')).toBeAttached();

  // By the mouse: the last one onto the first.
  const grip = await tile(page, 'cam3').getByRole('button').boundingBox();
  const first = await tile(page, 'cam1').boundingBox();
  await page.mouse.move((grip?.x ?? 0) + 20, (grip?.y ?? 0) + 20);
  await page.mouse.down();
  await page.mouse.move((first?.x ?? 0) + 60, (first?.y ?? 0) + 60, { steps: 8 });
  await page.mouse.up();
  await expect.poll(async () => (await order(page))[0]).toBe('cam3');
  const chosen = await order(page);

  await page.reload();
  await expectTile(page, 'cam0', 'live');
  expect(await order(page)).toEqual(chosen);
});

test('a tile opens its camera, full screen, and the way leads back', async ({ page, serve }) => {
  const server = await serve(FOUR);
  await page.goto(server.url);
  await expectTile(page, 'cam1', 'live');
  expect(page.workers(), 'one worker for all pictures').toHaveLength(1);
  await tile(page, 'cam1').getByRole('link', { name: 'Yard: Live' }).click();
  await expect(page).toHaveURL(/#[/]live[/]cam1$/);
  await expectSituation(page, 'live');
  await expectMoving(page);
  await expect.poll(() => server.viewers(), 'the wall gave its places back').toBe(1);
  await page.getByRole('button', { name: 'Full screen' }).click();
  await expect(page.getByRole('navigation')).toBeHidden();
  const box = await picture(page).boundingBox();
  expect(box?.height).toBe(page.viewportSize()?.height);
  await page.getByRole('button', { name: 'Leave full screen' }).click();
  await page.getByRole('link', { name: 'All cameras' }).click();
  await expectTile(page, 'cam3', 'live');
});

test('the picture is zoomed at once, and then by the camera itself', async ({ page, serve }) => {
  const server = await serve(FIRST);
  await logIn(page, server);
  await page.goto(server.url);
  await expectSituation(page, 'live');
  const lens = page.locator('.lens');
  const controls = page.waitForResponse((answer) => answer.request().method() === 'PATCH');
  const box = (await lens.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  // Up and to the right: what is there stays there.
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height * 0.25);
  await page.mouse.wheel(0, -240);
  await expect(lens).toHaveAttribute('data-scale', '2.00');
  await expect(page.locator('.picture')).toHaveAttribute('style', /scale\(2\)/);

  expect((await controls).ok()).toBe(true);
  // The sensor is wider than the picture, which shows three quarters of its width.
  await expect.poll(async () => (await server.simArguments()).at(-1)).toMatch(/--roi 0\.40\d*,0\.12\d*,0\.37500,0\.50000/);
  // The drawing goes back to its place: the pixels are the camera's own now.
  await expect(lens).toHaveAttribute('data-scale', '1.00');
  await expectSituation(page, 'live');

  // And out again, by the keyboard.
  await lens.focus();
  await page.keyboard.press('0');
  await expect.poll(async () => (await server.simArguments()).at(-1), { timeout: 20_000 }).not.toContain('--roi');
  await expect(lens).toHaveAttribute('data-scale', '1.00');
  await expectSituation(page, 'live');
});

test('fingers zoom and move a picture that the camera cannot zoom', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  const lens = page.locator('.lens');
  // As a touch screen says it; Playwright has no second finger.
  await lens.evaluate((place) => {
    const box = place.getBoundingClientRect();
    const say = (kind: string, pointerId: number, x: number, y: number): void => {
      place.dispatchEvent(new PointerEvent(kind, {
        pointerId, pointerType: 'touch', bubbles: true, clientX: box.left + box.width * x, clientY: box.top + box.height * y,
      }));
    };
    place.setPointerCapture = () => undefined;
    say('pointerdown', 11, 0.4, 0.5);
    say('pointerdown', 12, 0.6, 0.5);
    say('pointermove', 11, 0.2, 0.5);
    say('pointermove', 12, 0.8, 0.5);
    say('pointerup', 11, 0.2, 0.5);
    say('pointerup', 12, 0.8, 0.5);
  });
  await expect(lens).toHaveAttribute('data-scale', '3.00');
  await page.getByRole('button', { name: 'Show everything' }).click();
  await expect(lens).toHaveAttribute('data-scale', '1.00');
  await expectMoving(page);
});

test('controls and presets reach the camera', async ({ page, serve }) => {
  const server = await serve(FIRST);
  await logIn(page, server);
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await page.getByRole('button', { name: 'Controls' }).click();
  const panel = page.getByRole('complementary', { name: 'Controls' });
  await panel.getByRole('checkbox', { name: 'Mirror left and right' }).check();
  await panel.getByLabel('White balance').selectOption('daylight');
  await expect.poll(async () => (await server.simArguments()).at(-1), { timeout: 20_000 }).toMatch(/--hflip.*daylight|daylight.*--hflip/);
  await panel.getByLabel('Name of a new preset').fill('Noon <i>');
  await panel.getByRole('button', { name: 'Keep' }).click();
  await expect(panel.getByRole('button', { name: 'Noon <i>', exact: true })).toBeVisible();

  await panel.getByRole('button', { name: 'Reset all' }).click();
  await expect.poll(async () => (await server.simArguments()).at(-1), { timeout: 20_000 }).not.toContain('--hflip');
  await expect(panel.getByRole('checkbox', { name: 'Mirror left and right' })).not.toBeChecked();
  await panel.getByRole('button', { name: 'Noon <i>', exact: true }).click();
  await expect.poll(async () => (await server.simArguments()).at(-1), { timeout: 20_000 }).toContain('--hflip');
  await expect(panel.getByRole('checkbox', { name: 'Mirror left and right' })).toBeChecked();

  await panel.getByRole('button', { name: 'Delete preset Noon <i>' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(panel.getByText('No presets yet.')).toBeVisible();
  await expectSituation(page, 'live');
});

test('the test pattern offers what it can and no more', async ({ page, serve }) => {
  const server = await serve({ admin: true });
  await logIn(page, server);
  await page.goto(server.url);
  await page.getByRole('button', { name: 'Controls' }).click();
  const panel = page.getByRole('complementary', { name: 'Controls' });
  await expect(panel.getByLabel('JPEG quality')).toBeVisible();
  await expect(panel.getByLabel('White balance')).toHaveCount(0);
});

test('a link shows the camera to somebody without an account', async ({ page, serve }) => {
  const server = await serve({ admin: true });
  await logIn(page, server);
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await page.getByRole('button', { name: 'Share' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What it shows').selectOption('snapshot');
  await dialog.getByLabel('Valid for').selectOption({ label: '1 hour' });
  await dialog.getByRole('button', { name: 'Make link' }).click();
  const link = await dialog.getByLabel('Link', { exact: true }).inputValue();
  expect(link.startsWith(`${server.url}api/v1/cameras/main/snapshot?link=`)).toBe(true);
  const answer = await fetch(link);
  expect(answer.headers.get('content-type')).toBe('image/jpeg');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a viewer sees the picture and nothing to set', async ({ page, serve }) => {
  const server = await serve(FIRST);
  await logIn(page, server);
  const made = await page.request.post(`${server.url}api/v1/users`, {
    data: { name: 'guest', password: PASSWORD, role: 'viewer', cameras: ['main'] },
  });
  expect(made.ok()).toBe(true);
  await page.context().clearCookies();
  await logIn(page, server, 'guest');
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect(page.getByRole('button', { name: 'Share' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Controls' }).click();
  const panel = page.getByRole('complementary', { name: 'Controls' });
  await expect(panel.getByLabel('Quality on this screen')).toBeVisible();
  await expect(panel.getByRole('heading', { name: 'Presets' })).toHaveCount(0);
  await expect(panel.getByRole('checkbox')).toHaveCount(0);

  // Zoom stays on this screen.
  const starts = (await server.simArguments()).length;
  await page.locator('.lens').focus();
  await page.keyboard.press('+');
  await expect(page.locator('.lens')).toHaveAttribute('data-scale', '1.25');
  await page.waitForTimeout(1_500);
  await expect(page.locator('.lens')).toHaveAttribute('data-scale', '1.25');
  expect((await server.simArguments()).length).toBe(starts);
});

test('the quality that was chosen is what comes', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  const width = (): Promise<number> => page.locator('.moving').evaluate((canvas: HTMLCanvasElement) => canvas.width);
  await expect.poll(width).toBe(640);
  await page.getByRole('button', { name: 'Controls' }).click();
  const quality = page.getByLabel('Quality on this screen');
  await quality.selectOption('quarter');
  await expect.poll(width).toBe(160);
  await quality.selectOption('half');
  await expect.poll(width).toBe(320);
  await quality.selectOption('full');
  await expect.poll(width).toBe(640);
  await expectSituation(page, 'live');
  await expect(page.locator('#lost')).toHaveText(/^\d+ lost$/);
});

test('a camera that freezes is told, and its picture comes back without a reload', async ({ page, serve }) => {
  const server = await serve(FOUR);
  await page.goto(server.url);
  const yard = tile(page, 'cam1');
  await expectTile(page, 'cam0', 'live');
  await expectTile(page, 'cam1', 'live');
  await expect(yard).toHaveAttribute('data-placeholder', 'false');
  await page.evaluate(() => { document.body.dataset.mark = 'same page'; });
  // It stays frozen until it is told: what is said in between is no matter of chance.
  await server.fault('camera=1 freeze');
  // What then comes says by its own flag that it is no picture of the camera.
  await expect(yard).toHaveAttribute('data-placeholder', 'true', { timeout: 30_000 });
  await expect(yard.locator('.notice-detail')).toHaveText(STANDS_IN);
  await expect(yard.locator('.tile-age')).toHaveText('–');
  await expect(yard.locator('.moving'), 'one set of words').toBeHidden();
  await expectTile(page, 'cam0', 'live');
  await expect(tile(page, 'cam0')).toHaveAttribute('data-placeholder', 'false');

  await expectTile(page, 'cam1', 'live', 45_000);
  await expect(yard).toHaveAttribute('data-placeholder', 'false');
  await expect(yard.locator('.notice')).toHaveCount(0);
  await expect(page.locator('body')).toHaveAttribute('data-mark', 'same page');
});

test('a wall of sixteen cameras is live as installed, and so is a second one', async ({ page, browser, serve }) => {
  test.setTimeout(180_000);
  const size = { width: 320, height: 240, framerate: 4 };
  // Past nine a camera has no number of its own, only the name that it is listed by.
  const place = (at: number): string => (at < 10 ? String(at) : `/base/soc/i2c0mux/i2c@0/imx708@${(0x1a + at).toString(16)}`);
  const cameras = Array.from({ length: 16 }, (_, at) => ({ id: `cam${at}`, name: `Camera ${at + 1}`, source: `rpicam:${place(at)}`, size }));
  const server = await serve({ cameras });
  await page.goto(server.url);
  for (const { id } of cameras) {
    await expectTile(page, id, 'live', 60_000);
  }
  expect(await server.viewers()).toBe(16);
  await expect(page.locator('#viewers')).toHaveText('1 of 15 watching');
  const context = await browser.newContext({ locale: 'en-GB' });
  const second = await context.newPage();
  await second.goto(server.url);
  for (const { id } of cameras) {
    await expectTile(second, id, 'live', 60_000);
  }
  expect(await server.viewers()).toBe(32);
  await expect(page.locator('#viewers')).toHaveText('2 of 15 watching');
  await context.close();
  await expect.poll(() => server.viewers()).toBe(16);
});

test('a browser that cannot draw in a worker draws in the page', async ({ page, serve }) => {
  await page.addInitScript(() => { Reflect.deleteProperty(HTMLCanvasElement.prototype, 'transferControlToOffscreen'); });
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect(page.locator('[data-way="socket"]')).toBeVisible();
  expect(page.workers()).toHaveLength(0);
  await expectMoving(page);
});

test('more cameras than a browser has connections are shown all the same', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve({ cameras: Array.from({ length: 8 }, (_, at) => ({ id: `cam${at}`, name: `Camera ${at}` })) });
  const between = await gateway(server.url);
  await page.goto(between.url);
  for (let at = 0; at < 8; at += 1) {
    await expectTile(page, `cam${at}`, 'live', 30_000);
  }
  await expect(page.locator('.picture > img')).toHaveCount(4);
  const look = (): Promise<string[]> =>
    page.locator('[data-way="stills"] > canvas:first-child').evaluateAll((all) => all.map((one) => (one as HTMLCanvasElement).toDataURL()));
  const before = await look();
  expect(before.length).toBe(4);
  await expect.poll(async () => (await look()).filter((one, at) => one !== before[at]).length).toBe(4);
  await page.goto('about:blank');
  await between.close();
});

test('where no socket comes through, there are pictures all the same', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve(FOUR);
  const between = await gateway(server.url);
  await page.goto(between.url);
  await expectTile(page, 'cam0', 'live', 30_000);
  expect(between.refused()).toBeGreaterThan(0);
  await expect(tile(page, 'cam0').locator('img')).toBeVisible();
  await page.goto(`${between.url}#/live/cam2`);
  await expectSituation(page, 'live', 30_000);
  await expectMoving(page);
  await page.goto('about:blank');
  await between.close();
});
