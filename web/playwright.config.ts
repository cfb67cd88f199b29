import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  // Each test starts its own server and browser page; small machines lose frames with more of them at once.
  workers: 1,
  timeout: 60_000,
  forbidOnly: true,
  reporter: 'list',
  expect: { timeout: 15_000 },
  use: {
    browserName: 'chromium',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
    },
    locale: 'en-GB',
    trace: 'off',
  },
  projects: [
    { name: 'page', testMatch: /\.spec\.ts$/ },
    { name: 'firefox', testMatch: /firefox\.ts$/ },
    { name: 'icons', testMatch: /icons\.ts$/ },
    { name: 'screenshots', testMatch: /screenshots\.ts$/ },
    { name: 'pictures', testMatch: /pictures\.ts$/ },
  ],
});
