// Writes `x.gz` and `x.br` beside every text file of the build, so that the server compresses nothing while it runs.
// The same input gives the same bytes: no times, no names.

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

import type { Plugin } from 'vite';

/** The scene of the 3D view is no text, but packs as well. */
const TEXT = /\.(?:html|css|js|json|svg|txt|webmanifest|glb|hdr)$/;

/** So large, and asked for so seldom, that one copy has to do: every browser takes gzip, and Brotli only over TLS. */
const ONLY_PACKED = /(?:swagger-ui.*\.js|api-docs-.*\.css)$/;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

export function precompress(): Plugin {
  let outDir = 'dist';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    // After the service worker, which another plugin writes at the same point.
    closeBundle: {
      order: 'post',
      sequential: true,
      async handler() {
        const entries = await readdir(outDir, { recursive: true, withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile() && TEXT.test(entry.name));
        await Promise.all(files.map((file) => compress(join(file.parentPath, file.name))));
      },
    },
  };
}

async function compress(path: string): Promise<void> {
  const plain = await readFile(path);
  if (ONLY_PACKED.test(path)) {
    await writeFile(`${path}.gz`, await gzipped(plain, { level: 9 }));
    await rm(path);
    return;
  }
  const copies: [string, Buffer][] = [
    ['.gz', await gzipped(plain, { level: 9 })],
    [
      '.br',
      await brotli(plain, {
        params: {
          [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        },
      }),
    ],
  ];
  for (const [suffix, packed] of copies) {
    // A copy that saves nothing would only cost the reader a decompression.
    if (packed.length < plain.length) {
      await writeFile(path + suffix, packed);
    }
  }
}
