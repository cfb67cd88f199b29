import { VitePWA } from 'vite-plugin-pwa';
import { defineConfig } from 'vitest/config';

import { precompress } from './build/precompress.ts';
import { pictures } from './build/pictures.ts';
import { scene } from './build/scene.ts';

// `npm run dev` shows the page against a server that is already running.
const server = process.env.CCTV_URL ?? 'http://127.0.0.1:3000';

/** Files from here on, three.js above all, are kept by those who open them. */
const LARGE_BYTES = 200_000;

export default defineConfig({
  // Relative, so that the page works below any `server.base_path`.
  base: './',
  build: {
    outDir: 'dist',
    // The policy of the server forbids inline code and data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: ['index.html', 'login.html', 'setup.html', 'three.html', 'offline.html', 'api-docs.html'] },
  },
  plugins: [
    scene(),
    pictures(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/offline',
      filename: 'sw.ts',
      injectRegister: false,
      manifest: false,
      injectManifest: {
        // The library lists what the build made. Not the pages, which the login is in front of, and not what only some open.
        globPatterns: ['offline.html', 'icon.svg', 'assets/*.{js,css}'],
        dontCacheBustURLsMatching: /^assets\//,
        manifestTransforms: [(files) => ({ manifest: files.filter(({ size }) => size < LARGE_BYTES) })],
      },
    }),
    precompress(),
  ],
  server: {
    proxy: { '/ws': { target: server, ws: true }, '/api/': server, '/api-docs/openapi.json': server, '/stream': server, '/snapshot': server, '/health': server },
  },
  test: {
    include: ['src/**/*.test.ts', 'build/**/*.test.ts'],
    environment: 'node',
  },
});
