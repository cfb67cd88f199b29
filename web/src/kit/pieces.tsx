// The small pieces that views are made of.

import { useSignal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId } from 'preact/hooks';

import type { Failure } from '../api/types.ts';
import { language, t } from '../i18n/current.ts';
import { failureWords } from './failure.ts';

/** The frame of a view that is read: its title, what can be done at its top, and its content. */
export function Sheet({ title, actions, children }: { title: string; actions?: ComponentChildren; children: ComponentChildren }): VNode {
  return (
    <div class="sheet">
      <header class="sheet-head">
        <h1>{title}</h1>
        {actions === undefined ? null : <div class="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

type FieldProps = {
  readonly label: string;
  readonly hint?: string;
  /** What is wrong with it, in a sentence. */
  readonly error?: string | null;
  /** Draws the input; the attributes tie it to label, hint and error. */
  readonly children: (input: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ComponentChildren;
};

/** One input with its label. */
export function Field({ label, hint, error = null, children }: FieldProps): VNode {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': about, 'aria-invalid': error !== null })}
      <p id={about} class={error === null ? 'hint' : 'hint trouble'}>{error ?? hint ?? ''}</p>
    </div>
  );
}

/** Says that there is nothing, and what one can do about it. */
export function Empty({ title, text, children }: { title: string; text?: string; children?: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {text === undefined ? null : <p>{text}</p>}
      {children}
    </div>
  );
}

/** Says what went wrong, with a way to try again. */
export function Trouble({ failure, again }: { failure: Failure; again: () => void }): VNode {
  return (
    <div role="alert">
      <Empty title={t.notLoaded} text={failureWords(failure)}>
        <button type="button" class="button" onClick={again}>{t.again}</button>
      </Empty>
    </div>
  );
}

export function Waiting(): VNode {
  return <div class="waiting" role="status"><span class="spinner" /><span class="unseen">{t.loading}</span></div>;
}

export type Column<T> = {
  readonly head: string;
  readonly cell: (row: T) => ComponentChildren;
  /** Numbers, ages: at the right edge. */
  readonly isNumber?: boolean;
};

type TableProps<T> = {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string | number;
};

/** A table where there is room for one; on a phone each row is a card with the heads beside the values. */
export function Table<T>({ label, columns, rows, keyOf }: TableProps<T>): VNode {
  return (
    <table class="table" aria-label={label}>
      <thead>
        <tr>{columns.map(({ head, isNumber }) => <th key={head} scope="col" class={isNumber === true ? 'number' : ''}>{head}</th>)}</tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ head, cell, isNumber }) => (
              <td key={head} data-head={head} class={isNumber === true ? 'number' : ''}><div>{cell(row)}</div></td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });

export function relativeTime(at_ms: number, now_ms: number): string {
  const passed_ms = at_ms - now_ms;
  const [unit, unit_ms] = STEPS.find(([, ms]) => Math.abs(passed_ms) >= ms) ?? ['second', 1_000];
  return relative.format(Math.round(passed_ms / unit_ms), unit);
}

/** A moment: how long ago, and its time in the viewer's zone for those who point at it. */
export function When({ at }: { at: string }): VNode {
  const now_ms = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now_ms.value = Date.now(); }, 15_000);
    return () => { clearInterval(timer); };
  }, []);
  const at_ms = Date.parse(at);
  return <time dateTime={at} title={absolute.format(at_ms)}>{relativeTime(at_ms, now_ms.value)}</time>;
}
