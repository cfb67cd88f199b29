// Live view for long, with the tab in sight and out of sight by turns: what the page, its worker, the browser and the server
// hold in memory stays what it is, and no picture waits behind another. PAGE_SOAK=1h (`make page-soak`) says for how long; a
// minute and a half of it belongs to the tests.
//
// Puppeteer, not Playwright: that one keeps every page awake, this one lets a tab behind another be hidden, as it really is.

import puppeteer, { type Browser, type CDPSession, type Page } from 'puppeteer-core';

import { residentMib, treeMib } from './measure/processes.ts';
import { type Point, slope } from './measure/slope.ts';
import { expect, test } from './page.ts';

const SHOWN_MS = 15_000;
/** Past the ten seconds for which a hidden page keeps its pictures. */
const HIDDEN_MS = 14_000;
/** So much of the time caches fill and code is compiled. */
const WARM_UP = 0.2;

/** What is measured, and how much more of it there may be at the end by the line through all measurements. */
const ALLOWED = {
  'JS heap of the page, KiB': 512,
  'JS heap of the worker, KiB': 512,
  'DOM nodes': 20,
  'event listeners': 10,
  'lines of the player': 0.5,
  'canvases of the player': 0.5,
  // Between none and two for each of the four, at whatever moment one looks; more than two of one is a fault by itself, below.
  'pictures on their way': 8,
  'unsent, bytes': 256,
  'age of the oldest picture, ms': 400,
  'browser, MiB': 48,
  'server, MiB': 6,
} as const;

type Name = keyof typeof ALLOWED;
type Figures = Record<Name, number>;
type Lines = {
  readonly canvases: number;
  readonly lines: readonly { readonly received: number; readonly drawn: number; readonly waiting: number; readonly isDrawing: boolean; readonly unsent_bytes: number; readonly age_ms: number | null }[];
};

function length_ms(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  if (count === '') {
    throw new Error(`PAGE_SOAK is "${text}", and should be like 90s, 2m or 1h`);
  }
  return Number(count) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
}

const SOAK_MS = length_ms(process.env.PAGE_SOAK ?? '90s');
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

test('hours of live view: memory stays flat and nothing queues up', async ({ serve }) => {
  test.setTimeout(SOAK_MS + 600_000);
  const server = await serve({
    cameras: ['Front door', 'Yard', 'Garage', 'Cellar'].map((name, at) => ({ id: `cam${at}`, name, source: `rpicam:${at}` })),
  });
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
    defaultViewport: { width: 1000, height: 760 },
  });
  try {
    await soak(browser, server);
  } finally {
    await browser.close();
  }
});

async function soak(browser: Browser, server: { readonly url: string; readonly pid: number }): Promise<void> {
  const page = await browser.newPage();
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(String(error)));
  await page.goto(server.url);
  const other = await browser.newPage();
  await page.bringToFront();
  await live(page);
  const cdp = await page.createCDPSession();
  const began_ms = Date.now();
  const taken: { at_s: number; figures: Figures }[] = [];
  let rounds = 0;
  let drawn = 0;
  while (Date.now() - began_ms < SOAK_MS) {
    await page.bringToFront();
    expect(await page.evaluate(() => document.hidden), 'the tab is in sight').toBe(false);
    await live(page);
    await pause(SHOWN_MS);
    await live(page);
    const { figures, lines } = await measure(page, cdp, browser.process()?.pid ?? 0, server.pid);
    drawn += lines.reduce((sum, line) => sum + line.drawn, 0);
    taken.push({ at_s: (Date.now() - began_ms) / 1000, figures });
    for (const line of lines) {
      // One is drawn, one waits, and the newer one always takes its place.
      expect(line.waiting + (line.isDrawing ? 1 : 0)).toBeLessThanOrEqual(2);
      expect(line.drawn, 'pictures are drawn').toBeGreaterThan(20);
    }
    await other.bringToFront();
    expect(await page.evaluate(() => document.hidden), 'the tab is out of sight').toBe(true);
    await pause(HIDDEN_MS);
    // Out of sight a browser wakes a page once a minute at worst.
    await expect.poll(async () => (await linesOf(page)).lines.length, { message: 'out of sight the page hangs up', timeout: 100_000 }).toBe(0);
    rounds += 1;
    if (rounds % 10 === 0) {
      print(taken, began_ms, drawn);
    }
  }
  const grown = print(taken, began_ms, drawn);
  expect(failures, 'faults of the page').toEqual([]);
  expect(drawn).toBeGreaterThan(rounds * 4 * 20);
  expect(grown, 'what grows').toEqual([]);
}

async function live(page: Page): Promise<void> {
  // A limit for a picture that never comes: a machine with other work may take a while.
  const isLive = (): boolean => document.querySelectorAll('.tile[data-situation="live"]').length === 4;
  await page.waitForFunction(isLive, { polling: 250, timeout: 180_000 });
}

async function linesOf(page: Page): Promise<Lines> {
  const worker = page.workers()[0];
  if (worker === undefined) {
    throw new Error('the page has no worker');
  }
  return worker.evaluate(() => (globalThis as unknown as { cctvLines: () => Lines }).cctvLines());
}

async function measure(page: Page, cdp: CDPSession, browser: number, server: number): Promise<{ figures: Figures; lines: Lines['lines'] }> {
  const worker = page.workers()[0]?.client;
  if (worker === undefined) {
    throw new Error('the page has no worker');
  }
  const { canvases, lines } = await linesOf(page);
  for (const side of [cdp, worker]) {
    // What one round lets go of may hold what only the next one finds.
    await side.send('HeapProfiler.collectGarbage');
    await side.send('HeapProfiler.collectGarbage');
  }
  const heap = await cdp.send('Runtime.getHeapUsage');
  const workerHeap = await worker.send('Runtime.getHeapUsage');
  const dom = await cdp.send('Memory.getDOMCounters');
  const figures: Figures = {
    'JS heap of the page, KiB': heap.usedSize / 1024,
    'JS heap of the worker, KiB': workerHeap.usedSize / 1024,
    'DOM nodes': dom.nodes,
    'event listeners': dom.jsEventListeners,
    'lines of the player': lines.length,
    'canvases of the player': canvases,
    'pictures on their way': lines.reduce((sum, line) => sum + line.waiting + (line.isDrawing ? 1 : 0), 0),
    'unsent, bytes': lines.reduce((sum, line) => sum + line.unsent_bytes, 0),
    'age of the oldest picture, ms': Math.max(...lines.map((line) => line.age_ms ?? 0)),
    'browser, MiB': await treeMib(browser),
    'server, MiB': await residentMib(server),
  };
  return { figures, lines };
}

/** Says how it went so far, and which figures grew more than they may. */
function print(taken: readonly { at_s: number; figures: Figures }[], began_ms: number, drawn: number): Name[] {
  const all_s = (Date.now() - began_ms) / 1000;
  const steady = taken.filter(({ at_s }) => at_s >= all_s * WARM_UP);
  const names = Object.keys(ALLOWED) as Name[];
  const rows = names.map((name) => {
    const points: Point[] = steady.map(({ at_s, figures }) => ({ at_s, value: figures[name] }));
    const values = points.map(({ value }) => value);
    const hourly = slope(points) * 3600;
    const growth = slope(points) * all_s * (1 - WARM_UP);
    return { name, first: values[0] ?? 0, last: values.at(-1) ?? 0, most: Math.max(...values), hourly, growth };
  });
  const short = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 1 : 0);
  console.log(
    [
      '',
      `Live view of 4 cameras for ${(all_s / 60).toFixed(1)} min, shown and hidden ${taken.length} times, ${drawn} pictures drawn; least squares after the first fifth:`,
      '',
      '| figure, after garbage collection | first | last | most | growth per hour | grown in all (allowed) |',
      '| --- | ---: | ---: | ---: | ---: | ---: |',
      ...rows.map(({ name, first, last, most, hourly, growth }) =>
        `| ${name} | ${short(first)} | ${short(last)} | ${short(most)} | ${short(hourly)} | ${short(growth)} (${ALLOWED[name]}) |`),
      '',
    ].join('\n'),
  );
  return rows.filter(({ name, growth }) => growth > ALLOWED[name]).map(({ name }) => name);
}
