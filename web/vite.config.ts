import { defineConfig } from 'vitest/config';

import { precompress } from './build/precompress.ts';
import { pictures } from './build/pictures.ts';
import { scene } from './build/scene.ts';

// `npm run dev` shows the page against a server that is already running.
const server = process.env.CCTV_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  // Relative, so that the page works below any `server.base_path`.
  base: './',
  build: {
    outDir: 'dist',
    // The policy of the server forbids inline code and data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: ['index.html', 'login.html', 'setup.html', 'three.html', 'api-docs.html'] },
  },
  plugins: [scene(), pictures(), precompress()],
  server: {
    proxy: { '/ws': { target: server, ws: true }, '/api/': server, '/api-docs/openapi.json': server, '/stream': server, '/snapshot': server, '/health': server },
  },
  test: {
    include: ['src/**/*.test.ts', 'build/**/*.test.ts'],
    environment: 'node',
  },
});
