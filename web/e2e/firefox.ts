// The page in Firefox, before the real server: `npm run e2e:firefox`. Debian's own Firefox (FIREFOX, default
// /usr/bin/firefox-esr) on a screen that nobody sees, driven by WebDriver BiDi; Playwright can drive only one that it has changed.

import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { expect, test as base } from './page.ts';
import { PASSWORD, type Server, type ServerConfig } from './server.ts';

const FOUR: ServerConfig = {
  cameras: ['Front door', 'Yard', 'Garage', 'Cellar <b>'].map((name, at) => ({ id: `cam${at}`, name, source: `rpicam:${at}` })),
};
const SHOWN_MS = 45_000;

const test = base.extend<{ fox: (language?: string) => Promise<Page> }>({
  fox: async ({ serve: _serve }, use) => {
    const started: Browser[] = [];
    const faults: string[] = [];
    await use(async (language = 'en-GB, en') => {
      const browser = await puppeteer.launch({
        browser: 'firefox',
        // It has WebGL only where there is a screen; xvfb is one.
        headless: process.env.DISPLAY === undefined,
        executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
        extraPrefsFirefox: { 'intl.accept_languages': language, 'webgl.force-enabled': true },
        defaultViewport: { width: 1000, height: 760 },
      });
      started.push(browser);
      const page = await browser.newPage();
      page.on('pageerror', (error) => faults.push(String(error)));
      // What the policy stops is told as an error.
      page.on('console', (line) => {
        if (/Content.Security.Policy|Trusted/i.test(line.text())) {
          faults.push(line.text());
        }
      });
      return page;
    });
    await Promise.all(started.map((browser) => browser.close()));
    expect(faults).toEqual([]);
  },
});

async function appears(page: Page, selector: string): Promise<void> {
  await page.waitForSelector(selector, { timeout: SHOWN_MS });
}

async function text(page: Page, selector: string): Promise<string> {
  return page.$eval(selector, (found) => found.textContent);
}

/** What is on the screen there differs from one moment to another, and is no blank. */
async function expectMoving(page: Page, selector: string): Promise<void> {
  const place = await page.waitForSelector(selector, { timeout: SHOWN_MS });
  const shoot = async (): Promise<string> => (await place?.screenshot({ encoding: 'base64' })) ?? '';
  const first = await shoot();
  expect(first.length, 'the picture is not blank').toBeGreaterThan(4_000);
  await expect.poll(async () => (await shoot()) !== first, { timeout: 20_000 }).toBe(true);
}

async function open(page: Page, server: Server, address = ''): Promise<void> {
  // A page with a stream is never done.
  await page.goto(`${server.url}${address}`, { waitUntil: 'domcontentloaded' });
}

// Pixels of the 3D view are made by the processor, and browsers start slowly on a busy machine.
test.setTimeout(240_000);

test('signing in, and four live pictures that move', async ({ serve, fox }) => {
  const server = await serve({ ...FOUR, admin: true });
  const page = await fox();
  await open(page, server);
  await appears(page, '#password');
  await page.type('#name', 'admin');
  await page.type('#password', PASSWORD);
  await page.click('#go');
  for (let at = 0; at < 4; at += 1) {
    await appears(page, `.tile[data-camera="cam${at}"][data-situation="live"]`);
    await expectMoving(page, `.tile[data-camera="cam${at}"]`);
  }
  expect(await text(page, '.tile[data-camera="cam3"] .tile-name')).toBe('Cellar <b>');
  expect(page.workers().length, 'pictures are drawn in a worker').toBeGreaterThan(0);
});

test('a camera that fails is told, and its picture comes back without a reload', async ({ serve, fox }) => {
  const server = await serve(FOUR);
  const page = await fox();
  await open(page, server);
  await appears(page, '.tile[data-camera="cam1"][data-situation="live"]');
  await page.evaluate(() => { document.body.dataset.mark = 'same page'; });
  await server.fault('camera=1 freeze');
  await appears(page, '.tile[data-camera="cam1"]:is([data-tone="warn"], [data-tone="bad"], [data-tone="busy"])');
  await appears(page, '.tile[data-camera="cam0"][data-situation="live"]');
  await appears(page, '.tile[data-camera="cam1"][data-situation="live"]');
  await expectMoving(page, '.tile[data-camera="cam1"]');
  expect(await page.evaluate(() => document.body.dataset.mark)).toBe('same page');
});

test('the server goes and comes back, and so do the pictures', async ({ serve, fox }) => {
  const server = await serve();
  const page = await fox();
  await open(page, server);
  await appears(page, '#state[data-situation="live"]');
  await server.kill();
  await appears(page, '#state[data-situation="unreachable"]');
  await server.restart();
  await appears(page, '#state[data-situation="live"]');
  await expectMoving(page, '#frame .picture');
});

test('speaks Korean', async ({ serve, fox }) => {
  const server = await serve();
  const page = await fox('ko-KR, ko');
  await open(page, server);
  await appears(page, '#state[data-situation="live"]');
  expect(await text(page, '#state')).toBe('실시간');
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('ko');
});

test('without its server it says so, and comes back by itself', async ({ serve, fox }) => {
  const server = await serve();
  const page = await fox();
  await open(page, server);
  await appears(page, '#state[data-situation="live"]');
  await expect.poll(() => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state ?? 'none'), { timeout: SHOWN_MS }).toBe('activated');
  await server.kill();
  await page.reload({ waitUntil: 'domcontentloaded' });
  await appears(page, '.offline #next');
  expect(await text(page, '#title')).toBe('The server does not answer.');
  await server.restart();
  await appears(page, '#state[data-situation="live"]');
});

test('the 3D view draws', async ({ serve, fox }) => {
  const server = await serve();
  const page = await fox();
  await open(page, server);
  const hasWebgl = await page.evaluate(() => document.createElement('canvas').getContext('webgl2') !== null);
  test.skip(!hasWebgl, 'this Firefox has no WebGL without a screen');
  await open(page, server, 'three.html');
  type Hook = { readonly cctvThree?: { inspect(): { readonly frames: number } | null } };
  await page.waitForFunction(() => ((window as Hook).cctvThree?.inspect()?.frames ?? 0) > 2, { timeout: 90_000 });
  await expectMoving(page, '#scene > canvas');
});
