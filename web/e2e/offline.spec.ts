// The page as an app of a telephone: installed, started without the server, woken up, updated; in a real browser.

import type { Page } from '@playwright/test';

import { gateway } from './gateway.ts';
import { expect, expectMoving, expectSituation, test } from './page.ts';
import { logIn } from './people.ts';
import type { Server } from './server.ts';

/** What a browser says when there is no server. */
const NO_SERVER = /Failed to load resource|unknown error occurred when fetching the script|net::ERR|WebSocket connection/;

/** The service worker is at work; installed once the page has its pictures. */
async function expectKept(page: Page): Promise<void> {
  const state = (): Promise<string> => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state ?? 'none');
  await expect.poll(state, { timeout: 30_000 }).toBe('activated');
}

/** Paths of all that the browser has kept, below the page's own address. */
async function kept(page: Page, server: Server): Promise<string[]> {
  const urls = await page.evaluate(async () => {
    const all: string[] = [];
    for (const name of await caches.keys()) {
      all.push(...(await (await caches.open(name)).keys()).map(({ url }) => url));
    }
    return all;
  });
  return urls.map((url) => url.replace(server.url, ''));
}

async function expectOnlyFiles(page: Page, server: Server): Promise<void> {
  const paths = await kept(page, server);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !/^(?:assets\/[\w-]+\.(?:js|css)|(?:offline\.html|icon\.svg)\?__WB_REVISION__=[0-9a-f]+)$/.test(path))).toEqual([]);
}

test('can be installed', async ({ page, serve }) => {
  const server = await serve();
  await page.goto(server.url);
  await expectSituation(page, 'live');
  await expectKept(page);
  const cdp = await page.context().newCDPSession(page);
  const { url, errors, data } = await cdp.send('Page.getAppManifest');
  expect(url).toBe(`${server.url}manifest.webmanifest`);
  expect(errors).toEqual([]);
  const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors');
  // Tests run in a window that keeps nothing; that is the one thing against it.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);

  const { icons } = JSON.parse(data ?? '') as { icons: { src: string; sizes: string; type: string }[] };
  for (const { src, sizes, type } of icons) {
    const answer = await page.request.get(`${server.url}${src}`);
    expect(answer.headers()['content-type']).toBe(type);
    if (type === 'image/png') {
      const bytes = await answer.body();
      expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`).toBe(sizes);
    }
  }
  const worker = await page.request.get(`${server.url}sw.js`);
  expect(worker.headers()).toMatchObject({ 'content-type': 'text/javascript', 'cache-control': 'no-cache' });
  expect(worker.headers()['content-security-policy']).toContain("require-trusted-types-for 'script'");
  const manifest = await page.request.get(url);
  expect(manifest.headers()).toMatchObject({ 'content-type': 'application/manifest+json', 'cache-control': 'no-cache' });
});

for (const basePath of ['', '/cam']) {
  test(`without its server it says so, and pictures come back by themselves, below "${basePath}/"`, async ({ page, serve, tolerated }) => {
    tolerated.push(NO_SERVER);
    const server = await serve({ ...(basePath === '' ? {} : { basePath }), cameras: [{ id: 'main', name: 'Front door' }, { id: 'yard', name: 'Yard' }] });
    await page.goto(`${server.url}#/live/yard`);
    await expectSituation(page, 'live');
    await expectKept(page);
    await page.reload();
    await expectSituation(page, 'live');
    expect(await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toBe(`${server.url}sw.js`);
    await expectOnlyFiles(page, server);

    await server.kill();
    await page.reload();
    await expect(page.getByRole('status')).toHaveText('The server does not answer.');
    await expect(page.getByText('This page comes back by itself.')).toBeVisible();
    await expect(page.locator('#next')).toHaveText(/^(?:Next try in \d+ s|Trying again …)$/);

    await server.restart();
    await expectSituation(page, 'live', 30_000);
    await expect(page).toHaveURL(`${server.url}#/live/yard`);
    await expectMoving(page);
    await expectOnlyFiles(page, server);
  });
}

test.describe('in a Korean browser', () => {
  test.use({ locale: 'ko-KR' });

  test('says in Korean that there is no server', async ({ page, serve, tolerated }) => {
    tolerated.push(NO_SERVER);
    const server = await serve();
    await page.goto(server.url);
    await expectKept(page);
    await server.kill();
    await page.goto(server.url);
    await expect(page.getByRole('status')).toHaveText('서버가 응답하지 않습니다.');
    await expect(page.getByRole('button', { name: '다시 시도' })).toBeVisible();
  });
});

test('what was kept has nothing of anybody, also after the 3D view and after signing out', async ({ page, serve, tolerated }) => {
  test.setTimeout(180_000);
  // A browser that draws 3D without graphics hardware, and what it says when a question comes after signing out.
  tolerated.push(/GL Driver Message/, /status of 401/);
  const server = await serve({ admin: true });
  await logIn(page, server);
  await page.goto(`${server.url}?app#/live/main`);
  await expectSituation(page, 'live');
  await expectKept(page);
  await page.goto(`${server.url}three.html`);
  await expect(page.locator('#loading')).toBeHidden({ timeout: 30_000 });
  // Three.js is kept by those who use it.
  await expect.poll(() => page.evaluate(async () => (await caches.keys()).some((name) => name.startsWith('large'))), { timeout: 30_000 }).toBe(true);
  await page.goto(`${server.url}?app`);
  await expect(page, 'the app goes on where it was').toHaveURL(`${server.url}#/live/main`);
  await expectSituation(page, 'live');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/[/]login$/);
  await expectOnlyFiles(page, server);
  expect(await page.evaluate(() => localStorage.getItem('cctv.place'))).toBeNull();
  await page.goto(server.url);
  await expect(page, 'the page is asked for, not taken from what was kept').toHaveURL(/[/]login$/);
});

test('a newer page is said, and taken when the person wants it', async ({ page, serve, tolerated }) => {
  tolerated.push(/WebSocket connection to .* failed/);
  const server = await serve();
  let version: 'first' | 'another worker' | 'another page' = 'first';
  const between = await gateway(server.url, (path) => {
    if (!path.startsWith('/sw.js')) {
      return null;
    }
    return (text) => {
      switch (version) {
        case 'first':
          return text;
        case 'another worker':
          return `${text}\n// Another one.`;
        case 'another page':
          // Its page has another entry than the one that runs.
          return text.replace(/\{[^{}]*"assets\/index-[\w-]+\.js"[^{}]*\},?/, '');
        default:
          return version satisfies never;
      }
    };
  });
  const update = (): Promise<void> => page.evaluate(async () => { await (await navigator.serviceWorker.getRegistration())?.update(); });
  const note = page.locator('#new-version');
  await page.goto(between.url);
  await expectSituation(page, 'live');
  await expectKept(page);
  await page.reload();
  await expectSituation(page, 'live');
  // Until the page follows its worker.
  await expectKept(page);
  await page.waitForTimeout(5_000);

  version = 'another worker';
  await update();
  const waits = (): Promise<boolean> => page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return registration?.waiting != null || registration?.installing != null;
  });
  await expect.poll(waits, { timeout: 30_000 }).toBe(false);
  await expect(note).toBeHidden();

  version = 'another page';
  await page.evaluate(() => { document.body.dataset.mark = 'same page'; });
  await update();
  await expect(note).toBeVisible({ timeout: 30_000 });
  await expect(note).toContainText('The server has a newer version of this page.');
  await expectSituation(page, 'live');
  await expect(page.locator('body')).toHaveAttribute('data-mark', 'same page');
  await note.getByRole('button', { name: 'Load the page again' }).click();
  await expect(page.locator('body')).not.toHaveAttribute('data-mark', 'same page');
  await expectSituation(page, 'live');
  await page.goto('about:blank');
  await between.close();
});
