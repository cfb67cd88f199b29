// Pictures that a style sheet of others has in itself become files: the policy of the server loads none from `data:`.

import { createHash } from 'node:crypto';

import type { Plugin } from 'vite';

const DATA = /url\((["']?)data:image\/(svg\+xml|png|jpeg)(?:;charset=utf-8)?(;base64)?,(.*?)\1\)/g;

export function pictures(): Plugin {
  return {
    name: 'pictures',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) {
          continue;
        }
        const css = typeof file.source === 'string' ? file.source : new TextDecoder().decode(file.source);
        file.source = css.replace(DATA, (_all, _quote, kind: string, base64: string | undefined, text: string) => {
          const source = base64 === undefined ? decodeURIComponent(text.replaceAll('\\"', '"')) : Buffer.from(text, 'base64');
          const hash = createHash('sha256').update(source).digest('hex').slice(0, 8);
          const name = `picture-${hash}.${kind === 'svg+xml' ? 'svg' : kind}`;
          this.emitFile({ type: 'asset', fileName: `assets/${name}`, source });
          return `url(${name})`;
        });
      }
    },
  };
}
