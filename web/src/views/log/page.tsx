// The server's log, the newest line first, for administrators.

import './page.css';
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { asText, getLog, type Level, LEVELS, type LogLine } from '../../api/log.ts';
import { useCameras } from '../../app/cameras.ts';
import { language } from '../../i18n/current.ts';
import { useAsked } from '../../kit/asked.ts';
import { Empty, Field, Sheet, Trouble, Waiting } from '../../kit/pieces.tsx';
import { toast } from '../../kit/toasts.tsx';
import { t } from './messages.ts';

const EVERY_MS = 2_000;
const TONES: Readonly<Record<string, string>> = { error: 'bad', warn: 'warn', info: 'busy', debug: 'busy', trace: 'busy' };
const clock = new Intl.DateTimeFormat(language, { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });

async function copy(lines: readonly LogLine[]): Promise<void> {
  try {
    await navigator.clipboard.writeText(lines.map(asText).join('\n'));
    toast(t.copied);
  } catch {
    // Without HTTPS there is no clipboard for pages.
    toast(t.copyFailed, 'bad');
  }
}

export default function Log(): VNode {
  const level = useSignal<Level>('info');
  const camera = useSignal('');
  const follows = useSignal(true);
  const cameras = useCameras() ?? [];
  const asked = useAsked(
    (signal) => getLog(level.value, camera.value, signal),
    follows.value ? EVERY_MS : undefined,
    `${level.value} ${camera.value}`,
  );
  const lines = asked.value.value;
  const actions = (
    <>
      <label class="log-follow">
        <input type="checkbox" checked={follows.value} onChange={(event) => { follows.value = event.currentTarget.checked; }} /> {t.follow}
      </label>
      <button type="button" class="button" disabled={lines === null || lines.length === 0} onClick={() => void copy(lines ?? [])}>{t.copy}</button>
    </>
  );
  return (
    <Sheet title={t.title} actions={actions}>
      <form class="log-filters" onSubmit={(event) => { event.preventDefault(); }}>
        <Field label={t.level}>
          {(input) => (
            <select {...input} class="input" value={level.value} onChange={(event) => { level.value = LEVELS.find((known) => known === event.currentTarget.value) ?? 'info'; }}>
              {LEVELS.map((name) => <option key={name} value={name}>{t.atLeast[name]}</option>)}
            </select>
          )}
        </Field>
        <Field label={t.camera}>
          {(input) => (
            <select {...input} class="input" value={camera.value} onChange={(event) => { camera.value = event.currentTarget.value; }}>
              <option value="">{t.anyCamera}</option>
              {cameras.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
            </select>
          )}
        </Field>
      </form>
      <p class="log-about">{t.about}</p>
      {lines === null
        ? asked.failure.value === null ? <Waiting /> : <Trouble failure={asked.failure.value} again={asked.again} />
        : lines.length === 0 ? <Empty title={t.none} text={t.noneText} /> : <Lines lines={lines} />}
    </Sheet>
  );
}

function Lines({ lines }: { lines: readonly LogLine[] }): VNode {
  return (
    <ol class="log-lines" reversed aria-label={t.title}>
      {[...lines].reverse().map((line) => (
        <li key={line.id} data-tone={TONES[line.level] ?? 'busy'}>
          <time dateTime={line.time} title={line.time}>{clock.format(Date.parse(line.time))}</time>
          <span class="log-level">{t.levels[line.level] ?? line.level}</span>
          <div lang="en">
            {line.message} <span class="log-more">{line.target}{line.camera === null ? '' : ` · ${line.camera}`}{line.fields.map(([name, value]) => ` · ${name}=${value}`).join('')}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}
