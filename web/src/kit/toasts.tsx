// Short messages at the edge of the page: what was done, and what went wrong.

import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';

import type { Failure } from '../api/types.ts';
import { failureWords } from './failure.ts';

type Tone = 'good' | 'bad';
type Toast = { readonly id: number; readonly text: string; readonly tone: Tone };

const SHOWN_MS = 6_000;
const MOST = 3;

const shown = signal<readonly Toast[]>([]);
let last = 0;

export function toast(text: string, tone: Tone = 'good'): void {
  last += 1;
  const id = last;
  shown.value = [...shown.value, { id, text, tone }].slice(-MOST);
  setTimeout(() => { dismiss(id); }, SHOWN_MS);
}

/** What went wrong, in plain words; `what` says what was tried. */
export function complain(failure: Failure, what?: string): void {
  const why = failureWords(failure);
  toast(what === undefined ? why : `${what} ${why}`, 'bad');
}

function dismiss(id: number): void {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** The place of the messages, and of what else is to stand there; once in the page. */
export function Toasts({ children }: { children?: ComponentChildren }): VNode {
  return (
    <div class="toasts">
      {shown.value.map(({ id, text, tone }) => (
        <p key={id} class="toast" data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'} onClick={() => { dismiss(id); }}>
          {text}
        </p>
      ))}
      {children}
    </div>
  );
}
