// What every test of the page has: a way to start servers, and a page that tolerates no complaint of the browser.

import { test as base, expect, type Locator, type Page } from '@playwright/test';

import { Server, type ServerConfig } from './server.ts';

type Fixtures = {
  /** Starts a server that ends with the test. */
  serve: (config?: ServerConfig) => Promise<Server>;
  /** Complaints that belong to the test: patterns of console lines that may appear. */
  tolerated: RegExp[];
  page: Page;
};

export const test = base.extend<Fixtures>({
  serve: async ({}, use) => {
    const started: Server[] = [];
    await use(async (config) => {
      const server = await Server.start(config);
      started.push(server);
      return server;
    });
    await Promise.all(started.map((server) => server.stop()));
  },

  tolerated: async ({}, use) => {
    await use([]);
  },

  // `serve` is asked for so that the servers outlive the page: a stream cut off at the end would be a complaint.
  page: async ({ page, serve: _serve, tolerated }, use) => {
    const complaints: string[] = [];
    page.on('console', (line) => {
      // A violated content security policy is reported here too, as an error.
      if (line.type() === 'error' || line.type() === 'warning') {
        complaints.push(line.text());
      }
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol !== 'blob:' && hostname !== '127.0.0.1') {
        complaints.push(`request to a foreign host: ${request.url()}`);
      }
    });
    await use(page);
    expect(complaints.filter((text) => !tolerated.some((pattern) => pattern.test(text)))).toEqual([]);
  },
});

export { expect };

/** The word that says how the picture is. */
export function state(page: Page): Locator {
  return page.locator('#state');
}

export function picture(page: Page): Locator {
  return page.locator('#frame .picture > .moving:not([hidden]), #frame .picture > img');
}

export async function expectSituation(page: Page, situation: string, timeout = 15_000): Promise<void> {
  await expect(state(page)).toHaveAttribute('data-situation', situation, { timeout });
}

/** Brightness of the picture at some hundred places, as the browser shows it. */
export async function pixels(page: Page): Promise<number[]> {
  return picture(page).evaluate((image) => {
    if (!(image instanceof HTMLImageElement || image instanceof HTMLCanvasElement)) {
      throw new Error('the picture is neither <img> nor <canvas>');
    }
    const canvas = document.createElement('canvas');
    canvas.width = 32;
    canvas.height = 24;
    const context = canvas.getContext('2d');
    if (context === null) {
      throw new Error('no canvas');
    }
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const luma: number[] = [];
    for (let at = 0; at < data.length; at += 4) {
      luma.push(((data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0)) / 3);
    }
    return luma;
  });
}

/** The picture is there, is not one colour, and changes. */
export async function expectMoving(page: Page): Promise<void> {
  const first = await pixels(page);
  expect(Math.max(...first) - Math.min(...first), 'the picture is not blank').toBeGreaterThan(40);
  await expect(async () => {
    const next = await pixels(page);
    expect(next.some((luma, at) => Math.abs(luma - (first[at] ?? 0)) > 8), 'the picture moves').toBe(true);
  }).toPass({ timeout: 10_000 });
  const shots = [await picture(page).screenshot()];
  await expect(async () => {
    shots.push(await picture(page).screenshot());
    expect(shots.at(-1)?.equals(shots[0] ?? Buffer.of()), 'the screen moves').toBe(false);
  }).toPass({ timeout: 10_000 });
}

/** Lets the server say something else about its cameras than is true. */
export async function pretend(page: Page, camera: Record<string, unknown>): Promise<void> {
  await page.unroute('**/api/v1/cameras');
  await page.route('**/api/v1/cameras', async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as { cameras: object[] };
    const cameras = answer.cameras.map((real) => ({ ...real, ...camera }));
    await route.fulfill({ response, json: { ...answer, cameras } });
  });
}

/** A browser without a window never hides a tab by itself. */
export async function setVisibility(page: Page, visibility: 'visible' | 'hidden'): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, visibility);
}
