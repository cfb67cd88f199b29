// One's own account: the password, and where one is signed in.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import './page.css';

import { send } from '../../api/client.ts';
import { session } from '../../app/session.ts';
import { Field, Sheet } from '../../kit/pieces.tsx';
import { toast } from '../../kit/toasts.tsx';
import { failureOf, never } from '../people/act.ts';
import { answerWords } from '../people/answers.ts';
import { Links, Sessions, Tokens } from '../people/lists.tsx';
import { t as people } from '../people/messages.ts';
import { CamerasCell } from '../people/parts.tsx';
import { t } from './messages.ts';

export default function Account(): VNode {
  const me = session.value;
  return (
    <Sheet title={t.title}>
      {me === null ? null : (
        <dl class="facts card">
          <div><dt>{t.signedInAs}</dt><dd class="strong">{me.name}</dd></div>
          <div><dt>{people.role}</dt><dd>{people.roles[me.role]}</dd></div>
          <div><dt>{people.cameras}</dt><dd><CamerasCell ids={me.cameras} /></dd></div>
        </dl>
      )}
      <Password name={me?.name ?? ''} />
      <Sessions isWhole={false} />
      <Tokens isWhole={false} />
      <Links isWhole={false} />
    </Sheet>
  );
}

function Password({ name }: { name: string }): VNode {
  const current = useSignal('');
  const next = useSignal('');
  const again = useSignal('');
  const trouble = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const differ = again.value !== '' && next.value !== again.value;
  const change = async (): Promise<void> => {
    if (next.value !== again.value) {
      return;
    }
    isBusy.value = true;
    trouble.value = null;
    const body = { current: current.value, password: next.value };
    const failure = failureOf(await send('PUT', '/api/v1/account/password', { body }, never));
    isBusy.value = false;
    if (failure === null) {
      current.value = '';
      next.value = '';
      again.value = '';
      toast(t.changed);
    } else {
      trouble.value = failure.reason === 'refused' && failure.status === 403 ? t.wrong : answerWords(failure);
    }
  };
  const field = (value: typeof current, label: string, kind: string, hint?: string, error: string | null = null): VNode => (
    <Field label={label} {...(hint === undefined ? {} : { hint })} error={error}>
      {(input) => (
        <input
          {...input}
          class="input"
          type="password"
          required
          minLength={kind === 'new-password' ? 8 : 1}
          autocomplete={kind}
          value={value.value}
          onInput={(event) => { value.value = event.currentTarget.value; }}
        />
      )}
    </Field>
  );
  return (
    <section class="section" aria-labelledby="password">
      <h2 id="password" class="section-title">{t.password}</h2>
      <form
        class="card form password-form"
        onSubmit={(event) => {
          event.preventDefault();
          void change();
        }}
      >
        <input class="unseen" type="text" name="username" autocomplete="username" value={name} readOnly tabIndex={-1} aria-hidden="true" />
        {field(current, t.current, 'current-password')}
        {field(next, t.next, 'new-password', t.nextHint)}
        {field(again, t.again, 'new-password', undefined, differ ? t.differ : null)}
        {trouble.value === null ? null : <p class="trouble" role="alert">{trouble.value}</p>}
        <div><button type="submit" class="button primary" disabled={isBusy.value}>{t.change}</button></div>
      </form>
    </section>
  );
}
