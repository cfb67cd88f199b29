// What a change does, before it is made.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { Dialog } from '../../kit/dialog.tsx';
import { complain, toast } from '../../kit/toasts.tsx';
import { type Change, makeChange, type Outlook } from './config.ts';
import { t } from './messages.ts';

type ReviewProps = {
  readonly change: Change;
  readonly outlook: Outlook;
  readonly onClose: () => void;
  readonly onDone: () => void;
};

export function Review({ change, outlook, onClose, onDone }: ReviewProps): VNode {
  const isBusy = useSignal(false);
  const apply = async (): Promise<void> => {
    isBusy.value = true;
    const answer = await makeChange(change, outlook.etag, new AbortController().signal);
    isBusy.value = false;
    if (answer.kind === 'ok') {
      toast(t.applied);
      onDone();
    } else if (answer.kind === 'failed') {
      complain(answer.failure);
    }
  };
  const isEmpty = outlook.difference === '';
  const canApply = !isEmpty && outlook.errors.length === 0;
  return (
    <Dialog
      title={t.reviewTitle}
      onClose={onClose}
      actions={canApply
        ? <button type="button" class="button primary" disabled={isBusy.value} onClick={() => void apply()}>{t.apply}</button>
        : undefined}
    >
      {outlook.errors.map(({ camera, key, problem }) => (
        <p key={`${camera ?? ''}${key ?? ''}`} class="trouble" role="alert">
          {key === null ? null : <><code>{camera === null ? key : `${camera}: ${key}`}</code>{' '}</>}
          {problem}
        </p>
      ))}
      {isEmpty ? (outlook.errors.length === 0 ? <p>{t.nothing}</p> : null) : (
        <pre class="difference">
          {outlook.difference.trimEnd().split('\n').map((line, at) => <span key={at} data-sign={line[0]}>{line}{'\n'}</span>)}
        </pre>
      )}
      {canApply
        ? (
          <ul class="outlook">
            {outlook.live.length === 0 ? null : <li>{t.live(outlook.live.join(', '))}</li>}
            <li>{outlook.restarts.length === 0 ? t.noRestart : t.restarts(outlook.restarts.join(', '))}</li>
            {outlook.waits.length === 0 ? null : <li>{t.waits(outlook.waits.join(', '))}</li>}
            {outlook.notes.map((note) => <li key={note}>{note}</li>)}
            <li>{t.kept}</li>
          </ul>
        )
        : null}
    </Dialog>
  );
}
