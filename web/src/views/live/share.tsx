// A link that shows this camera to whoever has it, for a while.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { shareLink } from '../../api/controls.ts';
import type { Camera } from '../../api/types.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { Field } from '../../kit/pieces.tsx';
import { complain, toast } from '../../kit/toasts.tsx';
import { t } from './messages.ts';

const HOUR_S = 3_600;
const DURATIONS: readonly [number, string][] = [
  [HOUR_S, t.hours(1)],
  [8 * HOUR_S, t.hours(8)],
  [24 * HOUR_S, t.days(1)],
  [7 * 24 * HOUR_S, t.days(7)],
  [30 * 24 * HOUR_S, t.days(30)],
];

export function Share({ camera, onClose }: { camera: Camera; onClose: () => void }): VNode {
  const what = useSignal<'stream' | 'snapshot'>('stream');
  const expires_in_s = useSignal(24 * HOUR_S);
  const link = useSignal('');
  const isBusy = useSignal(false);
  const make = async (): Promise<void> => {
    isBusy.value = true;
    const answer = await shareLink(camera.id, what.value, expires_in_s.value, new AbortController().signal);
    isBusy.value = false;
    if (answer.kind === 'ok') {
      link.value = new URL(answer.value, document.baseURI).href;
    } else if (answer.kind === 'failed') {
      complain(answer.failure);
    }
  };
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link.value);
      toast(t.copied);
    } catch {
      // Without HTTPS there is no clipboard for pages.
      toast(t.copyFailed, 'bad');
    }
  };
  const again = (): void => { link.value = ''; };
  return (
    <Dialog
      title={t.shareTitle}
      onClose={onClose}
      actions={link.value === ''
        ? <button type="button" class="button primary" disabled={isBusy.value} onClick={() => void make()}>{t.makeLink}</button>
        : <button type="button" class="button primary" onClick={() => void copy()}>{t.copy}</button>}
    >
      <p>{t.shareText(camera.name)}</p>
      <Field label={t.shareWhat}>
        {(input) => (
          <select
            {...input}
            class="input"
            value={what.value}
            onChange={(event) => {
              what.value = event.currentTarget.value === 'snapshot' ? 'snapshot' : 'stream';
              again();
            }}
          >
            <option value="stream">{t.shareStream}</option>
            <option value="snapshot">{t.shareSnapshot}</option>
          </select>
        )}
      </Field>
      <Field label={t.shareFor}>
        {(input) => (
          <select
            {...input}
            class="input"
            value={expires_in_s.value}
            onChange={(event) => {
              expires_in_s.value = Number(event.currentTarget.value);
              again();
            }}
          >
            {DURATIONS.map(([seconds, words]) => <option key={seconds} value={seconds}>{words}</option>)}
          </select>
        )}
      </Field>
      {link.value === ''
        ? null
        : (
          <Field label={t.linkReady}>
            {(input) => <input {...input} class="input" readOnly value={link.value} onFocus={(event) => { event.currentTarget.select(); }} />}
          </Field>
        )}
    </Dialog>
  );
}
