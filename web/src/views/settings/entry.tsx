// One key of the configuration, with all that has to be said about it.

import type { VNode } from 'preact';

import { Field } from '../../kit/pieces.tsx';
import type { Effect, Held, Key } from './config.ts';
import { read, show } from './draft.ts';
import { t } from './messages.ts';

type EntryProps = {
  readonly item: Key;
  readonly held: Held | undefined;
  /** What was typed; undefined where nothing was. */
  readonly typed: unknown;
  readonly error: string | null;
  readonly isClosed: boolean;
  readonly onChange: (value: unknown) => void;
};

function effectWords(effect: Effect): string {
  switch (effect) {
    case 'now': return t.atOnce;
    case 'camera': return t.restartsCamera;
    case 'cameras': return t.restartsCameras;
    case 'server': return t.nextStart;
    default: return effect satisfies never;
  }
}

function wordOf(value: unknown): string {
  if (typeof value === 'boolean') {
    return value ? t.yes : t.no;
  }
  const text = Array.isArray(value) ? value.join(', ') : show(value);
  return text === '' ? t.none : t.words[text] ?? text;
}

export function aboutOf(item: Key): string {
  return t.about[item.path] ?? item.about;
}

export function Entry({ item, held, typed, error, isClosed, onChange }: EntryProps): VNode {
  const by = held?.by ?? null;
  const isOff = isClosed || item.isFixed || by !== null;
  const value = typed === undefined ? held?.value : typed ?? item.default;
  const canReset = !isOff && (typed === undefined ? held?.from === 'file' || held?.from === 'api' : typed !== null);
  const hints = [
    item.isFixed ? t.onlyFile : by !== null ? t.goesOver(by) : effectWords(item.effect),
    t.standard(wordOf(item.default)),
    ...(item.kind === 'array' ? [t.linePerEntry] : []),
  ];
  const common = { class: 'input', disabled: isOff };
  return (
    <div class="entry" data-key={item.path} data-changed={typed !== undefined}>
      <Field label={aboutOf(item).replace(/\.$/, '')} hint={hints.join(' · ')} error={error}>
        {(input) => {
          if (item.kind === 'boolean' || item.words !== null) {
            const words = item.words ?? ['true', 'false'];
            return (
              <select {...input} {...common} value={show(value ?? false)} onChange={(event) => { onChange(read(item, event.currentTarget.value)); }}>
                {words.map((word) => <option key={word} value={word}>{wordOf(item.words === null ? word === 'true' : word)}</option>)}
              </select>
            );
          }
          if (item.kind === 'array') {
            return (
              <textarea
                {...input}
                {...common}
                rows={Math.max(2, show(value).split('\n').length)}
                spellcheck={false}
                value={show(value)}
                onInput={(event) => { onChange(read(item, event.currentTarget.value)); }}
              />
            );
          }
          const isNumber = item.kind !== 'string';
          return (
            <input
              {...input}
              {...common}
              type="text"
              inputMode={item.kind === 'integer' ? 'numeric' : isNumber ? 'decimal' : 'text'}
              autocomplete="off"
              spellcheck={false}
              placeholder={show(item.default)}
              value={typed === null ? '' : show(value)}
              onInput={(event) => { onChange(read(item, event.currentTarget.value)); }}
            />
          );
        }}
      </Field>
      <p class="entry-foot">
        <code>{item.path}</code>
        {canReset ? <button type="button" class="link" onClick={() => { onChange(null); }}>{t.toDefault}</button> : null}
      </p>
    </div>
  );
}
