// Who is at the page: accounts for tests, and more browsers.

import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from '@playwright/test';

import { expect } from './page.ts';
import { PASSWORD, type Server } from './server.ts';

export async function logIn(page: Page, server: Server, name = 'admin'): Promise<void> {
  const answer = await page.request.post(`${server.url}api/v1/session`, { data: { name, password: PASSWORD } });
  expect(answer.ok()).toBe(true);
}

/** Somebody elsewhere, who is logged in. */
export async function another(browser: Browser, server: Server, name: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ locale: 'en-GB' });
  const page = await context.newPage();
  await logIn(page, server, name);
  return { context, page };
}

/** Nothing that a screen reader or weak eyes would stumble over badly. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`).join('\n')}`);
  expect(told, what).toEqual([]);
}

/** Nothing is wider than the screen. */
export async function expectNoSidewaysScrolling(page: Page, what: string): Promise<void> {
  const wide = await page.evaluate(() => {
    const places = [document.documentElement, ...document.querySelectorAll('.view, .dialog')];
    return places.filter((place) => place.scrollWidth > place.clientWidth + 1).map((place) => `${place.className} ${place.scrollWidth} > ${place.clientWidth}`);
  });
  expect(wide, what).toEqual([]);
}
