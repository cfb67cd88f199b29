// The file itself: out, in, and back to what it was.

import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';

import { addressOf } from '../../api/routes.ts';
import { language } from '../../i18n/current.ts';
import { useAsked } from '../../kit/asked.ts';
import { When } from '../../kit/pieces.tsx';
import { type Change, type Config, getBackups } from './config.ts';
import { t } from './messages.ts';

const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });

export function Backups({ config, onChange }: { config: Config; onChange: (change: Change) => void }): VNode {
  // Asked again whenever the configuration is another one.
  const backups = useAsked(getBackups, undefined, config.etag);
  const input = useRef<HTMLInputElement>(null);
  const list = backups.value.value ?? [];
  return (
    <section class="card section file">
      <h2>{t.file}</h2>
      <p class="hint">{config.file === null ? t.noFile : t.fileIs(config.file)}</p>
      <div class="row">
        <a class="button" href={addressOf('GET', '/api/v1/config/export', {})} download="my-cctv-server.toml">{t.exportGo}</a>
        <button type="button" class="button" disabled={config.obstacle !== null} onClick={() => input.current?.click()}>{t.importGo}</button>
        <input
          ref={input}
          type="file"
          accept=".toml,application/toml,text/plain"
          aria-label={t.importFile}
          hidden
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            event.currentTarget.value = '';
            void file?.text().then((toml) => { onChange({ toml }); });
          }}
        />
      </div>
      <p class="hint">{t.exportHint}</p>
      <h3>{t.backups}</h3>
      {list.length === 0 ? <p class="hint">{t.noBackups}</p> : (
        <ul class="backups">
          {list.map(({ id, at }) => (
            <li key={id}>
              <span>{moment.format(Date.parse(at))} <span class="hint"><When at={at} /></span></span>
              <button
                type="button"
                class="button"
                aria-label={t.restoreAt(moment.format(Date.parse(at)))}
                disabled={config.obstacle !== null}
                onClick={() => { onChange({ backup: id }); }}
              >
                {t.restore}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
