// The live page in a real browser, before the real server.

import type { Page } from '@playwright/test';

import { gateway } from './gateway.ts';
import { expect, expectMoving, expectSituation, picture, pretend, setVisibility, state, test } from './page.ts';

const PHONE = { width: 390, height: 844 };
const PHONE_SIDEWAYS = { width: 844, height: 390 };
const DESKTOP = { width: 1280, height: 800 };

/** What the browser says by itself when a request fails; the page says it in its own words. */
const FAILED_REQUEST = /^Failed to load resource|^An unknown error occurred when fetching the script/;

test('shows the moving picture and says that it is live', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect(state(page)).toHaveText('Live');
  await expect(page.getByRole('heading', { name: 'Front door' })).toBeVisible();
  await expect(page.getByRole('img', { name: 'Live picture from Front door' })).toBeVisible();
  await expect(page.locator('#age')).toHaveText(/^Picture (?:under )?\d/);
  await expect(page.locator('#format')).toHaveText('640 × 480 · 20 fps');
  await expect(page.locator('#viewers')).toHaveText('1 of 15 watching');
  await expect(page.locator('#notice')).toBeHidden();
  await expectMoving(page);
});

for (const [name, viewport] of Object.entries({ PHONE, PHONE_SIDEWAYS, DESKTOP })) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`fits the screen: ${name}, ${colorScheme}`, async ({ page, serve }) => {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      const server = await serve();
      await page.goto(server.url);
      await expectSituation(page, 'live');
      const box = await picture(page).boundingBox();
      expect(box).not.toBeNull();
      const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
      expect(width / height).toBeCloseTo(4 / 3, 1);
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(viewport.width);
      expect(y + height).toBeLessThanOrEqual(viewport.height);
      // As large as there is room for: the whole width, or most of the height.
      expect(width > viewport.width - 2 || height > viewport.height * 0.8).toBe(true);
      await expectNoScrolling(page);
      await expect(page.getByRole('button', { name: 'Full screen' })).toBeInViewport({ ratio: 1 });
      await expect(page.getByRole('link', { name: 'Save picture' })).toBeInViewport({ ratio: 1 });
      const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(dark).toBe(colorScheme === 'dark' ? 'rgb(12, 17, 22)' : 'rgb(243, 245, 247)');
    });
  }
}

async function expectNoScrolling(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    return { x: scrollWidth - clientWidth, y: scrollHeight - clientHeight };
  });
  expect(overflow).toEqual({ x: 0, y: 0 });
}

test('nothing jumps while it loads', async ({ page, serve }) => {
  const server = await serve();
  await page.addInitScript(() => {
    const sum = { shift: 0 };
    Object.assign(window, { sum });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        sum.shift += 'value' in entry && typeof entry.value === 'number' ? entry.value : 0;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await page.waitForTimeout(1_000);
  const shift = await page.evaluate(() => (window as unknown as { sum: { shift: number } }).sum.shift);
  expect(shift).toBeLessThan(0.02);
});

test.describe('in a Korean browser', () => {
  test.use({ locale: 'ko-KR' });

  test('speaks Korean', async ({ page, serve }) => {
    const server = await serve();
    await page.goto(server.url);
    await expect(state(page)).toHaveText('실시간');
    await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
    await expect(page.getByRole('button', { name: '전체 화면' })).toBeVisible();
    await expect(page.locator('#viewers')).toHaveText('15명 중 1명 시청 중');
  });

  test('speaks English when asked to', async ({ page, serve }) => {
    const server = await serve();
    await page.goto(`${server.url}?lang=en`);
    await expect(state(page)).toHaveText('Live');
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  });
});

test('speaks Korean when asked to', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(`${server.url}?lang=ko`);
  await expect(state(page)).toHaveText('실시간');
});

test('recovers without a reload when the server comes back', async ({ page, serve, tolerated }) => {
  tolerated.push(FAILED_REQUEST);
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await page.evaluate(() => { document.body.dataset.mark = 'same page'; });
  // The last picture is kept from now on.
  await page.waitForTimeout(1_500);

  await server.kill();
  await expectSituation(page, 'unreachable');
  await expect(page.locator('#notice')).toContainText('The server does not answer.');
  await expect(page.locator('#notice-retry')).toHaveText(/^(?:Next try in \d+ s|Trying again …)$/);
  await expect(page.locator('#frame')).toHaveAttribute('data-held', 'true');
  await expect(page.locator('#age')).toHaveText(/^Picture [3-9] s old$/);

  await server.restart();
  await expectSituation(page, 'live', 20_000);
  await expectMoving(page);
  await expect(page.locator('body')).toHaveAttribute('data-mark', 'same page');
});

test('opens although the server is full, says so, and gets its place later', async ({ page, serve, tolerated }) => {
  tolerated.push(FAILED_REQUEST);
  const server = await serve({ maxViewers: 1 });
  const leave = await server.watch();
  await page.goto(server.url);
  await expectSituation(page, 'full');
  await expect(page.locator('#notice')).toContainText('Sorry, the broadcast is full. Please try again later.');
  await expect(page.locator('#notice-retry')).toHaveText(/^(?:Next try in \d+ s|Trying again …)$/);
  leave();
  await expectSituation(page, 'live', 20_000);
  await expectMoving(page);
});

test('says plainly what is wrong with the picture', async ({ page, serve, tolerated }) => {
  // Pictures of a socket know themselves how old they are; a stream believes what the server says of the camera.
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve();
  const between = await gateway(server.url);
  await page.goto(between.url);
  await expectSituation(page, 'live');
  const notice = page.locator('#notice');

  await pretend(page, { newest_frame_age_ms: 3_200 });
  await expectSituation(page, 'late');
  await expect(notice).toHaveText('This picture is 3 s old.');
  await expect(page.locator('#age')).toHaveText('Picture 3 s old');

  await pretend(page, { state: 'stalled', newest_frame_age_ms: 8_000 });
  await expectSituation(page, 'frozen');
  await expect(notice).toContainText('The camera sends no new pictures.');

  await pretend(page, { state: 'failed', message: 'The camera is not plugged in.' });
  await expectSituation(page, 'camera_error');
  await expect(notice).toContainText('The camera is not plugged in.');

  await pretend(page, { message: 'No camera was found. This is the test pattern.' });
  await expectSituation(page, 'placeholder');
  await expect(notice).toHaveText('No camera was found. This is the test pattern.');

  await pretend(page, {});
  await expectSituation(page, 'live');
  await expect(notice).toBeHidden();
  await expectMoving(page);
  await page.goto('about:blank');
  await between.close();
});

test('a hidden tab gives its place back and takes it again', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect.poll(() => server.viewers()).toBe(1);

  await setVisibility(page, 'hidden');
  await page.waitForTimeout(5_000);
  expect(await server.viewers(), 'a short look at another tab costs nothing').toBe(1);
  await expect.poll(() => server.viewers(), { timeout: 12_000 }).toBe(0);

  await setVisibility(page, 'visible');
  await expectSituation(page, 'live');
  await expectMoving(page);
  expect(await server.viewers()).toBe(1);
});

test('a name that looks like a script is shown as text', async ({ page, serve }) => {
  const name = '<script>document.title="x"</script><img src=x onerror=alert(1)>';
  const server = await serve({ cameras: [{ id: 'main', name }] });
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expect(page.locator('#name')).toHaveText(name);
  await expect(page.locator('#name *')).toHaveCount(0);
  await expect(page).toHaveTitle(`${name} · Live`);
  await expectNoScrolling(page);
});

test('several cameras can be chosen', async ({ page, serve }) => {
  const server = await serve({
    cameras: [
      { id: 'main', name: 'Front door' },
      { id: 'yard', name: 'Yard <b>behind</b>' },
    ],
  });
  // As older links had it.
  await page.goto(`${server.url}?camera=main`);
  await expect(page).toHaveURL(/[/]#[/]live[/]main$/);
  await expectSituation(page, 'live');
  const chooser = page.getByRole('combobox', { name: 'Camera' });
  await chooser.selectOption({ label: 'Yard <b>behind</b>' });
  await expect(page).toHaveURL(/#[/]live[/]yard$/);
  await expectSituation(page, 'live');
  await expectMoving(page);
  await expect.poll(() => server.viewers()).toBe(1);

  await page.reload();
  await expectSituation(page, 'live');
  await expect(chooser).toHaveValue('yard');
});

test('saves the newest picture', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save picture' }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(/^front-door-\d{8}-\d{6}\.jpg$/);
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) {
    chunks.push(chunk as Buffer);
  }
  const bytes = Buffer.concat(chunks);
  expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0xd8]);
  expect([...bytes.subarray(-2)]).toEqual([0xff, 0xd9]);
});

test('fills the screen, and can be used by keyboard alone', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('group', { name: /^Plus and minus zoom/ })).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Save picture' })).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: '3D' })).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Controls' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const leave = page.getByRole('button', { name: 'Leave full screen' });
  await expect(leave).toBeFocused();
  const box = await picture(page).boundingBox();
  expect(box?.height).toBe(page.viewportSize()?.height);
  await expectMoving(page);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Full screen', exact: true })).toBeVisible();
});
