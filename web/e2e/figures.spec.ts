// What a first visit costs, as a browser counts it: bytes, script, the first picture, what jumps. `npm run figures` prints it,
// bench/all with the release build; the limits hold in every run.

import { mkdir, writeFile } from 'node:fs/promises';

import type { Browser } from '@playwright/test';

import { expect, test } from './page.ts';
import { logIn } from './people.ts';
import { SOFTWARE_WEBGL } from './scene.ts';
import type { Server, ServerConfig } from './server.ts';

const PHONE = { name: 'phone, 4 times slower', slower: 4, context: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3, isMobile: true, hasTouch: true } };
const DESKTOP = { name: 'desktop', slower: 1, context: { viewport: { width: 1280, height: 800 } } };
/** Software draws the 3D view here: with a telephone's nine times as many pixels it would measure nothing else. */
const PHONE_3D = { ...PHONE, context: { ...PHONE.context, deviceScaleFactor: 1 } };
const MOST_BYTES = 150 * 1024;
const MOST_SHIFT = 0.1;
const SETTLE_MS = 1_500;

test.use({ launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: SOFTWARE_WEBGL } });

type Seen = { lcp_ms: number; shift: number; picture_ms: number };
type Figures = Seen & { readonly view: string; readonly device: string; readonly bytes: ReadonlyMap<string, number>; readonly requests: number; readonly script_ms: number };

/** Runs in the page before anything else does. */
function look(): void {
  const seen: Seen = { lcp_ms: 0, shift: 0, picture_ms: 0 };
  Object.assign(window, { seen });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      seen.lcp_ms = entry.startTime;
    }
  }).observe({ type: 'largest-contentful-paint', buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      seen.shift += 'value' in entry && typeof entry.value === 'number' ? entry.value : 0;
    }
  }).observe({ type: 'layout-shift', buffered: true });
  type Three = { readonly cctvThree?: { inspect(): { readonly frames: number } | null } };
  const check = (): void => {
    const frames = (window as Three).cctvThree?.inspect()?.frames ?? 0;
    if (frames > 0 || document.querySelector('[data-situation="live"]') !== null) {
      seen.picture_ms = performance.now();
    } else {
      setTimeout(check, 10);
    }
  };
  check();
}

async function visit(browser: Browser, server: Server, view: string, address: string, device: typeof PHONE | typeof DESKTOP, hasPicture: boolean): Promise<Figures> {
  const context = await browser.newContext({ locale: 'en-GB', ...device.context });
  try {
    const page = await context.newPage();
    await logIn(page, server);
    await page.addInitScript(look);
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    await cdp.send('Performance.enable');
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: device.slower });
    const kinds = new Map<string, string>();
    const bytes = new Map<string, number>();
    let requests = 0;
    cdp.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
    cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      const kind = kinds.get(requestId) ?? 'Other';
      requests += 1;
      bytes.set(kind, (bytes.get(kind) ?? 0) + encodedDataLength);
    });
    await page.goto(`${server.url}${address}`);
    const seen = (): Promise<Seen> => page.evaluate(() => (window as unknown as { seen: Seen }).seen);
    if (hasPicture) {
      await expect.poll(async () => (await seen()).picture_ms, { timeout: 120_000 }).toBeGreaterThan(0);
    } else {
      await expect(page.locator('main h1, main h2').first()).toBeVisible();
    }
    await page.waitForTimeout(SETTLE_MS);
    const { metrics } = await cdp.send('Performance.getMetrics');
    const script_s = metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0;
    return { ...(await seen()), view, device: device.name, bytes, requests, script_ms: script_s * 1000 };
  } finally {
    await context.close();
  }
}

test('a first visit is small, and nothing jumps', async ({ browser, serve }) => {
  test.setTimeout(600_000);
  const camera = (at: number): { id: string; name: string; source: string } => ({ id: `cam${at}`, name: `Camera ${at + 1}`, source: `rpicam:${at}` });
  const one: ServerConfig = { admin: true, cameras: [camera(0)] };
  const four: ServerConfig = { admin: true, cameras: [0, 1, 2, 3].map(camera) };
  const single = await serve(one);
  const several = await serve(four);
  const taken: Figures[] = [];
  for (const device of [PHONE, DESKTOP]) {
    taken.push(
      await visit(browser, single, 'live', '', device, true),
      await visit(browser, several, 'wall of 4', '', device, true),
      await visit(browser, single, '3D', 'three.html', device === PHONE ? PHONE_3D : device, true),
      await visit(browser, single, 'settings', '#/settings', device, false),
    );
  }
  await print(taken);
  for (const { view, device, bytes, shift } of taken) {
    if (view !== '3D') {
      expect(total(bytes), `bytes of ${view}, ${device}`).toBeLessThan(MOST_BYTES);
    }
    expect(shift, `what jumps in ${view}, ${device}`).toBeLessThan(MOST_SHIFT);
  }
});

function total(bytes: ReadonlyMap<string, number>): number {
  return [...bytes.values()].reduce((sum, more) => sum + more, 0);
}

async function print(taken: readonly Figures[]): Promise<void> {
  const kib = (count: number): string => (count / 1024).toFixed(1);
  const ms = (time: number): string => (time === 0 ? '-' : `${time.toFixed(0)} ms`);
  const rows = taken.map(({ view, device, bytes, requests, script_ms, picture_ms, lcp_ms, shift }) => {
    const of = (...kinds: string[]): number => kinds.reduce((sum, kind) => sum + (bytes.get(kind) ?? 0), 0);
    const parts = [of('Document'), of('Script'), of('Stylesheet')];
    const rest = total(bytes) - parts.reduce((sum, part) => sum + part, 0);
    return `| ${view} | ${device} | ${kib(total(bytes))} | ${[...parts, rest].map(kib).join(' / ')} | ${requests} | ${ms(script_ms)} | ${ms(picture_ms)} | ${ms(lcp_ms)} | ${shift.toFixed(3)} |`;
  });
  const table = [
    '| first visit | device | KiB | page / script / style / rest | requests | script | first picture | largest paint | layout shift |',
    '| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n');
  console.log(`\n${table}`);
  await mkdir('test-results', { recursive: true });
  await writeFile('test-results/figures.md', table);
}
