// What the views about people are made of: rights in words and in forms, moments, and a secret that is shown once.

import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useId } from 'preact/hooks';

import './people.css';

import { networksOf, ROLES, type Grant, type Role } from '../../api/people.ts';
import type { Failure } from '../../api/types.ts';
import { useCameras } from '../../app/cameras.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { Field, When } from '../../kit/pieces.tsx';
import { answerWords } from './answers.ts';
import { t } from './messages.ts';

export function Moment({ at_s }: { at_s: number }): VNode {
  return <When at={new Date(at_s * 1000).toISOString()} />;
}

/** A camera by its name; one that is gone by its id. */
export function useCameraName(): (id: string) => string {
  const cameras = useCameras();
  return (id) => cameras?.find((camera) => camera.id === id)?.name ?? id;
}

/** Which cameras, in words. */
export function CamerasCell({ ids }: { ids: readonly string[] | null }): VNode {
  const name = useCameraName();
  if (ids === null) {
    return <>{t.allCameras}</>;
  }
  return <>{ids.length === 0 ? t.noCameras : ids.map(name).join(', ')}</>;
}

export function PlacesCell({ grant }: { grant: Grant }): VNode {
  const words = [
    ...(grant.allow.length > 0 ? [grant.allow.join(', ')] : []),
    ...(grant.deny.length > 0 ? [t.notFrom(grant.deny.join(', '))] : []),
  ];
  return <>{words.length === 0 ? t.everywhere : words.join('; ')}</>;
}

export type GrantDraft = {
  readonly role: Signal<Role>;
  readonly isAll: Signal<boolean>;
  readonly cameras: Signal<readonly string[]>;
  readonly allow: Signal<string>;
  readonly deny: Signal<string>;
};

export function useGrantDraft(grant: Grant): GrantDraft {
  return {
    role: useSignal<Role>(grant.role),
    isAll: useSignal(grant.cameras === null),
    cameras: useSignal<readonly string[]>(grant.cameras ?? []),
    allow: useSignal(grant.allow.join('\n')),
    deny: useSignal(grant.deny.join('\n')),
  };
}

export function grantOf(draft: GrantDraft): Grant {
  return {
    role: draft.role.value,
    // An administrator sees every camera, whatever was chosen before.
    cameras: draft.isAll.value || draft.role.value === 'admin' ? null : draft.cameras.value,
    allow: networksOf(draft.allow.value),
    deny: networksOf(draft.deny.value),
  };
}

/** Role, cameras and networks. `most`: the highest role that may be given. */
export function GrantFields({ draft, most = 'admin' }: { draft: GrantDraft; most?: Role }): VNode {
  const cameras = useCameras() ?? [];
  const name = useId();
  const gone = draft.cameras.value.filter((id) => !cameras.some((camera) => camera.id === id));
  const offered = [...cameras.map(({ id, name: title }) => ({ id, title })), ...gone.map((id) => ({ id, title: t.goneCamera(id) }))];
  return (
    <>
      <Field label={t.role} hint={t.roleAbout[draft.role.value]}>
        {(input) => (
          <select {...input} class="input" value={draft.role.value} onChange={(event) => { draft.role.value = event.currentTarget.value as Role; }}>
            {ROLES.slice(0, ROLES.indexOf(most) + 1).map((role) => <option key={role} value={role}>{t.roles[role]}</option>)}
          </select>
        )}
      </Field>
      {draft.role.value === 'admin' ? null : (
        <fieldset class="choices">
          <legend>{t.cameras}</legend>
          <label>
            <input type="radio" name={name} checked={draft.isAll.value} onChange={() => { draft.isAll.value = true; }} />
            {t.allCamerasLater}
          </label>
          <label>
            <input type="radio" name={name} checked={!draft.isAll.value} onChange={() => { draft.isAll.value = false; }} />
            {t.onlyThese}
          </label>
          {draft.isAll.value ? null : (
            <div class="choices-inner">
              {offered.map(({ id, title }) => (
                <label key={id}>
                  <input
                    type="checkbox"
                    checked={draft.cameras.value.includes(id)}
                    onChange={(event) => {
                      const others = draft.cameras.value.filter((one) => one !== id);
                      draft.cameras.value = event.currentTarget.checked ? [...others, id] : others;
                    }}
                  />
                  {title}
                </label>
              ))}
            </div>
          )}
        </fieldset>
      )}
      <details class="more-fields" open={draft.allow.peek() !== '' || draft.deny.peek() !== ''}>
        <summary>{t.networks}</summary>
        <Field label={t.allow} hint={t.allowHint}>
          {(input) => (
            <textarea {...input} class="input" rows={2} spellcheck={false} value={draft.allow.value} onInput={(event) => { draft.allow.value = event.currentTarget.value; }} />
          )}
        </Field>
        <Field label={t.deny} hint={t.denyHint}>
          {(input) => (
            <textarea {...input} class="input" rows={2} spellcheck={false} value={draft.deny.value} onInput={(event) => { draft.deny.value = event.currentTarget.value; }} />
          )}
        </Field>
      </details>
    </>
  );
}

type FormDialogProps = {
  readonly title: string;
  readonly go: string;
  readonly isBusy: boolean;
  readonly failure: Failure | null;
  readonly onSend: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
};

/** A form in front of the page; what went wrong is said in it, as messages at the edge would be behind it. */
export function FormDialog({ title, go, isBusy, failure, onSend, onClose, children }: FormDialogProps): VNode {
  const id = useId();
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>{t.cancel}</button>
          <button type="submit" form={id} class="button primary" disabled={isBusy}>{go}</button>
        </>
      }
    >
      <form
        id={id}
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          onSend();
        }}
      >
        {children}
        {failure === null ? null : <p class="trouble" role="alert">{answerWords(failure)}</p>}
      </form>
    </Dialog>
  );
}

/** Shown once. */
export function Secret({ label, text }: { label: string; text: string }): VNode {
  const said = useSignal('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      said.value = t.copied;
    } catch {
      // Without HTTPS there is no clipboard for pages.
      said.value = t.copyFailed;
    }
  };
  return (
    <div class="secret">
      <Field label={label}>
        {(input) => <input {...input} class="input code" readOnly value={text} onFocus={(event) => { event.currentTarget.select(); }} />}
      </Field>
      <button type="button" class="button" onClick={() => void copy()}>{t.copy}</button>
      <p class="hint" role="status">{said.value}</p>
    </div>
  );
}
