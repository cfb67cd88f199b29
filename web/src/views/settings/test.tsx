// A picture of a camera before anything is saved.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import type { Failure } from '../../api/types.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { failureWords } from '../../kit/failure.ts';
import { type CameraKeys, testCamera } from './config.ts';
import { t } from './messages.ts';

/** The server tests one camera at a time: whoever asks waits for those before. */
let queue: Promise<unknown> = Promise.resolve();

function inTurn<T>(ask: () => Promise<T>): Promise<T> {
  const mine = queue.then(ask);
  queue = mine;
  return mine;
}

/** What the camera with these keys sends, or why it sends nothing. The policy of the page has no room for `blob:` in an `<img>`. */
export function TestPicture({ keys }: { keys: CameraKeys }): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useSignal<'asking' | 'here' | Failure>('asking');
  const asked = JSON.stringify(keys);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      const answer = await inTurn(() => testCamera(keys, stop.signal));
      if (answer.kind === 'failed') {
        state.value = answer.failure;
      } else if (answer.kind === 'ok') {
        try {
          const picture = await createImageBitmap(answer.value);
          if (canvas.current !== null) {
            canvas.current.width = picture.width;
            canvas.current.height = picture.height;
            canvas.current.getContext('2d')?.drawImage(picture, 0, 0);
          }
          picture.close();
          state.value = 'here';
        } catch {
          state.value = { reason: 'unreadable', detail: '' };
        }
      }
    };
    state.value = 'asking';
    void ask();
    return () => { stop.abort(); };
  }, [asked]);
  const { value } = state;
  return (
    <div class="test-picture" data-state={typeof value === 'string' ? value : 'failed'}>
      <canvas ref={canvas} role="img" aria-label={t.testPicture} hidden={value !== 'here'} />
      {value === 'asking' ? <p role="status"><span class="spinner" />{t.testing}</p> : null}
      {typeof value === 'object' ? <p class="trouble" role="alert">{failureWords(value)}</p> : null}
    </div>
  );
}

export function TestDialog({ keys, onClose }: { keys: CameraKeys; onClose: () => void }): VNode {
  return (
    <Dialog title={t.test} onClose={onClose}>
      <TestPicture keys={keys} />
      <p class="hint">{t.testDone}</p>
    </Dialog>
  );
}
