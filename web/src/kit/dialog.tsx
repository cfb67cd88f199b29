// Questions and forms in front of the page.

import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

import { t } from '../i18n/current.ts';
import { ICONS, Icon } from './icon.tsx';

type DialogProps = {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** Buttons at its foot. */
  readonly actions?: ComponentChildren;
};

/** Open for as long as it is drawn. The browser keeps the focus in it, and closes it on Escape. */
export function Dialog({ title, onClose, children, actions }: DialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => { dialog.current?.showModal(); }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => {
        // The dialog itself is hit only beside its content.
        if (event.target === dialog.current) {
          dialog.current?.close();
        }
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="button quiet square" aria-label={t.close} onClick={() => dialog.current?.close()}>
            <Icon paths={ICONS.close} />
          </button>
        </header>
        {children}
        {actions === undefined ? null : <footer class="dialog-foot">{actions}</footer>}
      </div>
    </dialog>
  );
}

type Question = {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly go: string;
  readonly isDangerous?: boolean;
};

const asked = signal<(Question & { readonly answer: (yes: boolean) => void }) | null>(null);

/** Asks before something that cannot be taken back. */
export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** The place of the questions; once in the page. */
export function Questions(): VNode | null {
  const question = asked.value;
  if (question === null) {
    return null;
  }
  return (
    <Dialog
      title={question.title}
      onClose={() => { question.answer(false); }}
      actions={
        <>
          <button type="button" class="button" onClick={() => { question.answer(false); }}>{t.cancel}</button>
          <button
            type="button"
            class={`button ${question.isDangerous === true ? 'danger' : 'primary'}`}
            onClick={() => { question.answer(true); }}
          >
            {question.go}
          </button>
        </>
      }
    >
      <p>{question.text}</p>
    </Dialog>
  );
}
