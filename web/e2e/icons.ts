// Draws public/icon.svg as the PNG files that telephones ask for: `npm run icons`, after the drawing was changed.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { test } from '@playwright/test';

const PUBLIC = join(import.meta.dirname, '../public');

test('icons', async ({ page }) => {
  const svg = await readFile(join(PUBLIC, 'icon.svg'), 'utf8');
  const ground = /<rect [^>]*fill="(#[0-9a-f]+)"/.exec(svg)?.[1] ?? '#000000';
  for (const size of [192, 512]) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<body style="margin:0">${svg.replace('<svg', `<svg width="${size}" height="${size}" style="display:block"`)}`);
    await page.screenshot({ path: join(PUBLIC, `icon-${size}.png`), omitBackground: true });
    // A telephone cuts its own shape out: only the inner four fifths are sure to be seen.
    const inner = Math.round(size * 0.72);
    const place = `position:absolute;left:${(size - inner) / 2}px;top:${(size - inner) / 2}px`;
    await page.setContent(
      `<body style="margin:0;background:${ground}">${svg.replace('<svg', `<svg width="${inner}" height="${inner}" style="${place}"`)}`,
    );
    await page.screenshot({ path: join(PUBLIC, `icon-maskable-${size}.png`) });
  }
});
