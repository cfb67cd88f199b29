// Makes the monitor and the light of the 3D view when the page is built, at the addresses that the old page had them.

import type { Plugin } from 'vite';

import { monitor } from './scene/monitor.ts';
import { studio } from './scene/studio.ts';

const FILES: Readonly<Record<string, { readonly kind: string; readonly make: () => Promise<Uint8Array> }>> = {
  'models/cube_with_screen.glb': { kind: 'model/gltf-binary', make: monitor },
  'textures/background.hdr': { kind: 'image/vnd.radiance', make: () => Promise.resolve(studio()) },
};

export function scene(): Plugin {
  return {
    name: 'scene',
    async generateBundle() {
      for (const [fileName, { make }] of Object.entries(FILES)) {
        this.emitFile({ type: 'asset', fileName, source: await make() });
      }
    },
    configureServer(server) {
      for (const [fileName, { kind, make }] of Object.entries(FILES)) {
        server.middlewares.use(`/${fileName}`, (_request, response) => {
          void make().then((bytes) => response.setHeader('content-type', kind).end(bytes));
        });
      }
    },
  };
}
