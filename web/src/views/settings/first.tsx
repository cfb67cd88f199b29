// The second of three screens of the first run: the cameras that are there, with a picture each, and others by their address.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { send } from '../../api/client.ts';
import { href } from '../../app/router.ts';
import { useAsked } from '../../kit/asked.ts';
import { Empty, Field, Sheet, Trouble } from '../../kit/pieces.tsx';
import { complain, toast } from '../../kit/toasts.tsx';
import { type Discovered, discover } from './config.ts';
import { t } from './messages.ts';
import { TestPicture } from './test.tsx';

/** An id of the API's alphabet that nobody has yet. */
function idFor(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  return `${plain === '' ? 'camera' : plain}-${Date.now().toString(36).slice(-4)}`;
}

async function add(name: string, source: string): Promise<boolean> {
  const camera = { id: idFor(name), source, ...(name === '' ? {} : { name }) };
  const answer = await send('POST', '/api/v1/cameras', { body: camera }, new AbortController().signal);
  if (answer.kind === 'failed') {
    complain(answer.failure);
  } else if (answer.kind === 'ok') {
    toast(t.added(name === '' ? camera.id : name));
  }
  return answer.kind === 'ok';
}

export function FirstRun(): VNode {
  const found = useAsked(discover);
  const { value } = found.value;
  const failure = found.failure.value;
  return (
    <div class="settings first">
      <Sheet title={t.findTitle} actions={<a class="button primary" href={href('live')}>{t.done}</a>}>
        <p>{t.findText}</p>
        {failure !== null ? <Trouble failure={failure} again={found.again} /> : null}
        {value === null && failure === null ? <p role="status" class="looking"><span class="spinner" />{t.looking}</p> : null}
        {value?.cameras.length === 0
          ? (
            <Empty title={t.noneFound} text={t.noneFoundDetail}>
              {value.notes.map((note) => <p key={note} class="hint">{note}</p>)}
              <button type="button" class="button" onClick={found.again}>{t.lookAgain}</button>
            </Empty>
          )
          : null}
        {value === null ? null : <Found cameras={value.cameras} again={found.again} />}
        <ByAddress />
      </Sheet>
    </div>
  );
}

/** One picture after the other: the server tests one camera at a time. */
function Found({ cameras, again }: { cameras: readonly Discovered[]; again: () => void }): VNode {
  return (
    <ul class="found">
      {cameras.map((camera) => (
        <li key={camera.source} class="card">
          <TestPicture keys={{ source: camera.source }} />
          <div class="found-words">
            <h2>{camera.name === '' ? camera.source : camera.name}</h2>
            <p class="hint">{camera.place === 'usb' ? t.usb : t.board}</p>
            <p class="hint"><code>{camera.source}</code></p>
          </div>
          {camera.usedBy === null
            ? (
              <button type="button" class="button" onClick={() => void add(camera.name, camera.source).then((done) => { if (done) { again(); } })}>
                {t.use}
              </button>
            )
            : <p class="is-used">{t.isShown}</p>}
        </li>
      ))}
    </ul>
  );
}

function ByAddress(): VNode {
  const name = useSignal('');
  const source = useSignal('');
  const tested = useSignal<string | null>(null);
  const submit = async (): Promise<void> => {
    if (await add(name.value.trim(), source.value.trim())) {
      name.value = '';
      source.value = '';
      tested.value = null;
    }
  };
  return (
    <form
      class="card by-address"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>{t.byAddress}</h2>
      <Field label={t.address} hint={t.addressHint}>
        {(input) => (
          <input
            {...input}
            class="input"
            required
            autocomplete="off"
            spellcheck={false}
            value={source.value}
            onInput={(event) => { source.value = event.currentTarget.value; }}
          />
        )}
      </Field>
      <Field label={t.cameraName}>
        {(input) => <input {...input} class="input" autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />}
      </Field>
      {tested.value === null ? null : <TestPicture keys={{ source: tested.value }} />}
      <div class="row">
        <button type="button" class="button" disabled={source.value.trim() === ''} onClick={() => { tested.value = source.value.trim(); }}>{t.tryIt}</button>
        <button type="submit" class="button primary">{t.add}</button>
      </div>
    </form>
  );
}
