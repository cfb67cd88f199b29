// What can be set of a camera, as far as it can, and the quality on this screen.

import { type Signal, useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import {
  applyPreset, type Control, type Controls, forgetPreset, getPresets, keepPreset, type Patch, resetControls, setControls,
} from '../../api/controls.ts';
import type { Failure, Outcome } from '../../api/types.ts';
import { t as common } from '../../i18n/current.ts';
import { useAsked } from '../../kit/asked.ts';
import { confirm } from '../../kit/dialog.tsx';
import { ICONS, Icon } from '../../kit/icon.tsx';
import { Empty, Field, Trouble, Waiting } from '../../kit/pieces.tsx';
import { complain, toast } from '../../kit/toasts.tsx';
import { QUALITIES, type Quality } from './layout.ts';
import { t } from './messages.ts';

/** A slider that is dragged says many values; the camera hears the one it rests on. */
const REST_MS = 350;
/** What is set by other means, or in the configuration. */
const ELSEWHERE = new Set(['roi', 'awb_gains']);

type PanelProps = {
  readonly id: string;
  readonly quality: Signal<Quality>;
  /** None where one may not set anything. */
  readonly controls: Signal<Controls | null> | null;
  readonly failure: Failure | null;
  readonly again: () => void;
  readonly onClose: () => void;
};

export function ControlPanel({ id, quality, controls, failure, again, onClose }: PanelProps): VNode {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => { head.current?.focus(); }, []);
  return (
    <aside
      class="panel"
      aria-label={t.controls}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          onClose();
        }
      }}
    >
      <header class="panel-head">
        <h2 ref={head} tabIndex={-1}>{t.controls}</h2>
        <button type="button" class="button quiet square" aria-label={common.close} onClick={onClose}><Icon paths={ICONS.close} /></button>
      </header>
      <Field label={t.quality} hint={t.qualityHint}>
        {(input) => (
          <select {...input} class="input" value={quality.value} onChange={(event) => { quality.value = event.currentTarget.value as Quality; }}>
            {QUALITIES.map((one) => <option key={one} value={one}>{t.qualities[one]}</option>)}
          </select>
        )}
      </Field>
      {controls === null ? null : <Settable id={id} controls={controls} failure={failure} again={again} />}
    </aside>
  );
}

type SettableProps = { readonly id: string; readonly controls: Signal<Controls | null>; readonly failure: Failure | null; readonly again: () => void };

function Settable({ id, controls, failure, again }: SettableProps): VNode {
  const isBusy = useSignal(0);
  const waiting = useRef<Record<string, unknown>>({});
  const rest = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const stop = useRef(new AbortController());
  useEffect(() => () => {
    clearTimeout(rest.current);
    stop.current.abort();
  }, []);
  const now = controls.value;
  if (now === null) {
    return failure === null ? <Waiting /> : <Trouble failure={failure} again={again} />;
  }
  const run = async (ask: Promise<Outcome<Controls>>, done?: string): Promise<void> => {
    isBusy.value += 1;
    const answer = await ask;
    isBusy.value -= 1;
    if (answer.kind === 'ok') {
      controls.value = answer.value;
      if (done !== undefined) {
        toast(done);
      }
    } else if (answer.kind === 'failed') {
      complain(answer.failure, t.notSet);
      // What was shown is not what is.
      again();
    }
  };
  const set = (patch: Patch): void => {
    Object.assign(waiting.current, patch);
    clearTimeout(rest.current);
    rest.current = setTimeout(() => {
      const all = waiting.current;
      waiting.current = {};
      void run(setControls(id, all, stop.current.signal));
    }, REST_MS);
  };
  const settable = now.controls.filter(({ name }) => !ELSEWHERE.has(name));
  if (settable.length === 0) {
    return <Empty title={t.noControls} text={t.noControlsDetail} />;
  }
  return (
    <>
      <Presets id={id} apply={(name) => void run(applyPreset(id, name, stop.current.signal))} />
      <section class="panel-part" aria-label={t.picture}>
        <h3>{t.picture}</h3>
        <p class="hint" role="status">{isBusy.value > 0 || now.state === 'pending' ? t.applying : now.state === 'refused' ? `${t.wasRefused} ${now.message ?? ''}` : ''}</p>
        {settable.map((control) => (
          <One key={control.name} control={control} isSet={now.wanted.includes(control.name)} set={(value) => { set({ [control.name]: value }); }} />
        ))}
        <div>
          <button type="button" class="button" disabled={now.wanted.length === 0} onClick={() => void run(resetControls(id, stop.current.signal), t.resetDone)}>
            {t.reset}
          </button>
        </div>
      </section>
    </>
  );
}

function stepOf({ whole, least, most }: Control): number {
  return whole ? 1 : (most ?? 1) - (least ?? 0) > 8 ? 0.1 : 0.01;
}

/** Ranges that a slider can go through; others, and those without end, are written. */
function isSlider({ name, most, least }: Control): boolean {
  return !['width', 'height', 'shutter_us', 'flicker_period_us', 'framerate'].includes(name) && most !== null && least !== null;
}

type OneProps = { readonly control: Control; readonly isSet: boolean; readonly set: (value: unknown) => void };

function One({ control, isSet, set }: OneProps): VNode {
  const { name, kind, least, most, unit, choices, value, about } = control;
  const label = t.names[name] ?? name;
  // What is under the finger, until the camera has it.
  const draft = useSignal<unknown>(undefined);
  useEffect(() => { draft.value = undefined; }, [value]);
  const now = draft.value === undefined ? value : draft.value;
  const change = (to: unknown): void => {
    draft.value = to;
    set(to);
  };
  const back = isSet
    ? (
      <button
        type="button"
        class="take-back"
        aria-label={t.takeBack(label)}
        title={t.takeBack(label)}
        onClick={() => {
          draft.value = undefined;
          set(null);
        }}
      >
        ↺
      </button>
    )
    : null;
  const id = `control-${name}`;
  if (kind === 'flag') {
    return (
      <div class="control" title={about}>
        <label class="check">
          <input type="checkbox" checked={now === true} onChange={(event) => { change(event.currentTarget.checked); }} />
          {label}
        </label>
        {back}
      </div>
    );
  }
  if (kind === 'choice') {
    return (
      <div class="control" title={about}>
        <label for={id}>{label}</label>
        {back}
        <select id={id} class="input" value={String(now)} onChange={(event) => { change(event.currentTarget.value); }}>
          {choices.map((word) => <option key={word} value={word}>{t.words[word] ?? word}</option>)}
        </select>
      </div>
    );
  }
  const number = typeof now === 'number' ? now : null;
  const bounds = { min: least ?? undefined, max: most ?? undefined };
  if (!isSlider(control)) {
    return (
      <div class="control" title={about}>
        <label for={id}>{unit === '' ? label : `${label} (${unit})`}</label>
        {back}
        <input
          id={id}
          class="input"
          type="number"
          {...bounds}
          step="any"
          value={number ?? ''}
          onChange={(event) => {
            const written = event.currentTarget.valueAsNumber;
            if (Number.isFinite(written)) {
              change(written);
            }
          }}
        />
      </div>
    );
  }
  return (
    <div class="control" title={about}>
      <label for={id}>{label}</label>
      <output for={id}>{number === null ? t.automatic : `${Math.round(number * 100) / 100}${unit === '' ? '' : ` ${unit}`}`}</output>
      {back}
      <input id={id} type="range" {...bounds} step={stepOf(control)} value={number ?? least ?? 0} onInput={(event) => { change(event.currentTarget.valueAsNumber); }} />
    </div>
  );
}

function Presets({ id, apply }: { id: string; apply: (name: string) => void }): VNode {
  const { value, again } = useAsked((signal) => getPresets(id, signal), undefined, id);
  const name = useSignal('');
  const signal = new AbortController().signal;
  const keep = async (): Promise<void> => {
    const wanted = name.value.trim();
    const answer = await keepPreset(id, wanted, signal);
    if (answer.kind === 'failed') {
      complain(answer.failure);
      return;
    }
    toast(t.kept(wanted));
    name.value = '';
    again();
  };
  const forget = async (preset: string): Promise<void> => {
    if (!(await confirm({ title: t.forgetTitle, text: t.forgetText(preset), go: t.forgetGo, isDangerous: true }))) {
      return;
    }
    const answer = await forgetPreset(id, preset, signal);
    if (answer.kind === 'failed') {
      complain(answer.failure);
    }
    again();
  };
  return (
    <section class="panel-part" aria-label={t.presets}>
      <h3>{t.presets}</h3>
      {value.value?.length === 0 ? <p class="hint">{t.noPresets}</p> : null}
      <ul class="presets">
        {(value.value ?? []).map((preset) => (
          <li key={preset}>
            <button type="button" class="button" title={t.apply(preset)} onClick={() => { apply(preset); }}>{preset}</button>
            <button type="button" class="button quiet square" aria-label={t.forget(preset)} title={t.forget(preset)} onClick={() => void forget(preset)}>
              <Icon paths={ICONS.close} />
            </button>
          </li>
        ))}
      </ul>
      <form
        class="keep"
        onSubmit={(event) => {
          event.preventDefault();
          void keep();
        }}
      >
        <Field label={t.presetName} hint={t.presetHint}>
          {(input) => <input {...input} class="input" required maxLength={64} value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} />}
        </Field>
        <button type="submit" class="button" disabled={name.value.trim() === ''}>{t.keep}</button>
      </form>
    </section>
  );
}
