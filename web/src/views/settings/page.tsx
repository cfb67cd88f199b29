// All settings of the server, with what a change does before it is made; and the second screen of the first run.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import type { ViewProps } from '../../app/views.ts';
import { useAsked } from '../../kit/asked.ts';
import { Empty, Sheet, Trouble, Waiting } from '../../kit/pieces.tsx';
import { complain } from '../../kit/toasts.tsx';
import { Backups } from './backups.tsx';
import { type CameraKeys, type Change, checkChange, type Config, getConfig, getSchema, type Key, type Outlook } from './config.ts';
import { byPlace, changed, type Draft, placeOf, sections, show, toChange } from './draft.ts';
import { aboutOf, Entry } from './entry.tsx';
import { FirstRun } from './first.tsx';
import { t } from './messages.ts';
import { Review } from './review.tsx';
import { TestDialog } from './test.tsx';

import './page.css';

export default function Settings({ rest }: ViewProps): VNode {
  return rest[0] === 'first' ? <FirstRun /> : <AllSettings />;
}

function AllSettings(): VNode {
  const schema = useAsked(getSchema);
  const config = useAsked(getConfig);
  const failure = schema.failure.value ?? config.failure.value;
  if (schema.value.value === null || config.value.value === null) {
    return (
      <Sheet title={t.settings}>
        {failure === null ? <Waiting /> : <Trouble failure={failure} again={() => { schema.again(); config.again(); }} />}
      </Sheet>
    );
  }
  return <Forms schema={schema.value.value} config={config.value.value} again={config.again} />;
}

/** The section that a field is in. */
function sectionOf(place: string): string {
  const [camera, path] = place.split('/', 2);
  if (path !== undefined) {
    return placeOf('camera', camera);
  }
  return place.startsWith('server.tls.') ? 'server.tls' : place.split('.')[0] ?? '';
}

function Forms({ schema, config, again }: { schema: readonly Key[]; config: Config; again: () => void }): VNode {
  const wanted = useSignal('');
  const draft = useSignal<Draft>(new Map());
  const errors = useSignal<ReadonlyMap<string, string>>(new Map());
  const reviewed = useSignal<{ change: Change; outlook: Outlook } | null>(null);
  const tested = useSignal<CameraKeys | null>(null);
  const unfolded = useSignal<ReadonlySet<string>>(new Set(config.cameras.length === 1 ? [placeOf('camera', config.cameras[0]?.id)] : []));
  const isBusy = useSignal(false);
  const isClosed = config.obstacle !== null;

  const review = async (change: Change): Promise<void> => {
    isBusy.value = true;
    const answer = await checkChange(change, new AbortController().signal);
    isBusy.value = false;
    if (answer.kind === 'failed') {
      complain(answer.failure);
      return;
    }
    if (answer.kind === 'aborted') {
      return;
    }
    const isOurs = 'keys' in change;
    errors.value = isOurs ? byPlace(answer.value.errors) : new Map();
    // Words about a field belong beside it, and all else into the dialog.
    if (isOurs && answer.value.errors.length > 0 && !errors.value.has('')) {
      wanted.value = '';
      const sections = [...errors.value.keys()].map((place) => sectionOf(place));
      unfolded.value = new Set([...unfolded.value, ...sections]);
      requestAnimationFrame(() => { document.querySelector<HTMLElement>('.settings [aria-invalid="true"]')?.focus(); });
      return;
    }
    reviewed.value = { change, outlook: answer.value };
  };
  const close = (): void => { reviewed.value = null; };
  const found = sections(schema, config, wanted.value, aboutOf);

  return (
    <div class="settings">
      <Sheet title={t.settings}>
        {config.obstacle === null ? null : <p class="note" data-tone="warn" role="note">{config.obstacle}</p>}
        {config.pending_restart.length === 0 ? null : <p class="hint" role="note">{t.pending(config.pending_restart.join(', '))}</p>}
        <input
          class="input"
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          value={wanted.value}
          onInput={(event) => { wanted.value = event.currentTarget.value; }}
        />
        {found.length === 0 ? <Empty title={t.noMatch} text={t.noMatchDetail} /> : null}
        {found.map(({ id, camera, keys }) => {
          const ofCamera = camera === undefined ? undefined : config.cameras.find((one) => one.id === camera);
          const title = t.sections[id] ?? id;
          const name = show(ofCamera?.keys.get('name')?.value);
          const own = placeOf(id, camera);
          return (
            <details
              key={own}
              class="card section"
              open={wanted.value !== '' || unfolded.value.has(own)}
              onToggle={(event) => {
                // What a search unfolds is folded again after it.
                if (wanted.value === '') {
                  const others = [...unfolded.value].filter((one) => one !== own);
                  unfolded.value = new Set(event.currentTarget.open ? [...others, own] : others);
                }
              }}
            >
              <summary><h2>{camera === undefined ? title : `${title}: ${name}`}</h2></summary>
              <div class="entries">
                {keys.map((item) => {
                  const place = placeOf(item.path, camera);
                  const held = ofCamera === undefined ? config.keys.get(item.path) : ofCamera.keys.get(item.path.replace('camera.', ''));
                  return (
                    <Entry
                      key={place}
                      item={item}
                      held={held}
                      typed={draft.value.get(place)}
                      error={errors.value.get(place) ?? null}
                      isClosed={isClosed}
                      onChange={(value) => {
                        draft.value = changed(draft.value, place, value, held);
                        errors.value = new Map([...errors.value].filter(([other]) => other !== place));
                      }}
                    />
                  );
                })}
              </div>
              {camera === undefined ? null : (
                <button
                  type="button"
                  class="button"
                  onClick={() => {
                    const { cameras } = toChange(draft.value) as { cameras: Record<string, CameraKeys> };
                    tested.value = { ...cameras[camera], id: camera };
                  }}
                >
                  {t.test}
                </button>
              )}
            </details>
          );
        })}
        <Backups config={config} onChange={(change) => void review(change)} />
        {draft.value.size === 0 ? null : (
          <div class="bar" role="region" aria-label={t.changed(draft.value.size)}>
            <span aria-live="polite" class={errors.value.size > 0 ? 'trouble' : ''}>
              {errors.value.size > 0 ? t.withErrors(errors.value.size) : t.changed(draft.value.size)}
            </span>
            <button type="button" class="button" onClick={() => { draft.value = new Map(); errors.value = new Map(); }}>{t.discard}</button>
            <button type="button" class="button primary" disabled={isBusy.value} onClick={() => void review(toChange(draft.value))}>{t.review}</button>
          </div>
        )}
      </Sheet>
      {reviewed.value === null ? null : (
        <Review
          {...reviewed.value}
          onClose={close}
          onDone={() => {
            draft.value = new Map();
            errors.value = new Map();
            close();
            again();
          }}
        />
      )}
      {tested.value === null ? null : <TestDialog keys={tested.value} onClose={() => { tested.value = null; }} />}
    </div>
  );
}
