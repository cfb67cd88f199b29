// Users: who there is, and what they may.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { send } from '../../api/client.ts';
import { getUsers, keepUser, type User } from '../../api/people.ts';
import type { Failure } from '../../api/types.ts';
import { enter, session } from '../../app/session.ts';
import { useAsked } from '../../kit/asked.ts';
import { type Column, Field, Table } from '../../kit/pieces.tsx';
import { toast } from '../../kit/toasts.tsx';
import { failureOf, never, removeAfterAsking } from '../people/act.ts';
import { EVERY_MS, Listed } from '../people/lists.tsx';
import { t as people } from '../people/messages.ts';
import { CamerasCell, FormDialog, GrantFields, grantOf, Moment, PlacesCell, useGrantDraft } from '../people/parts.tsx';
import { t } from './messages.ts';

export function Users(): VNode {
  const list = useAsked(getUsers, EVERY_MS);
  const open = useSignal<User | 'new' | null>(null);
  const items = list.value.value ?? undefined;
  const administrators = items?.filter((user) => user.role === 'admin').length ?? 0;
  const remove = async (user: User): Promise<void> => {
    const isDone = await removeAfterAsking({
      title: t.removeTitle(user.name),
      text: t.removeText,
      go: t.remove,
      done: t.removed(user.name),
      remove: () => send('DELETE', '/api/v1/users/{id}', { path: { id: user.id } }, never),
    });
    if (isDone) {
      list.again();
    }
  };
  const isLast = (user: User): boolean => user.role === 'admin' && administrators < 2;
  const columns: Column<User>[] = [
    {
      head: people.name,
      cell: (user) => (
        <>
          <span class="strong">{user.name}</span>
          {user.name === session.value?.name ? <> <span class="badge">{t.you}</span></> : null}
        </>
      ),
    },
    { head: people.role, cell: (user) => people.roles[user.role] },
    { head: people.cameras, cell: (user) => <CamerasCell ids={user.cameras} /> },
    { head: people.from, cell: (user) => <PlacesCell grant={user} /> },
    { head: t.since, cell: (user) => <Moment at_s={user.created_s} /> },
    {
      head: people.actions,
      cell: (user) => (
        <div class="row actions">
          <button type="button" class="button" aria-label={t.changeName(user.name)} onClick={() => { open.value = user; }}>{t.change}</button>
          <button
            type="button"
            class="button danger"
            aria-label={t.removeName(user.name)}
            disabled={isLast(user)}
            title={isLast(user) ? t.lastAdministrator : undefined}
            onClick={() => void remove(user)}
          >
            {t.remove}
          </button>
        </div>
      ),
    },
  ];
  return (
    <section class="section" aria-labelledby="users">
      <div class="section-head">
        <h2 id="users">{t.users}</h2>
        <button type="button" class="button primary" onClick={() => { open.value = 'new'; }}>{t.add}</button>
      </div>
      <Listed items={items} failure={list.failure.value} again={list.again} empty={t.noUsers}>
        {(rows) => <Table label={t.users} columns={columns} rows={rows} keyOf={(user) => user.id} />}
      </Listed>
      {open.value === null ? null : (
        <UserForm
          user={open.value === 'new' ? null : open.value}
          isLast={open.value !== 'new' && isLast(open.value)}
          done={list.again}
          onClose={() => { open.value = null; }}
        />
      )}
    </section>
  );
}

type UserFormProps = { readonly user: User | null; readonly isLast: boolean; readonly done: () => void; readonly onClose: () => void };

function UserForm({ user, isLast, done, onClose }: UserFormProps): VNode {
  const name = useSignal(user?.name ?? '');
  const password = useSignal('');
  const draft = useGrantDraft(user ?? { role: 'viewer', cameras: null, allow: [], deny: [] });
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const keep = async (): Promise<void> => {
    isBusy.value = true;
    failure.value = null;
    const answer = await keepUser(user?.id ?? null, { name: name.value.trim(), password: password.value, ...grantOf(draft) }, never);
    isBusy.value = false;
    failure.value = failureOf(answer);
    if (answer.kind === 'ok') {
      toast(user === null ? t.added(name.value.trim()) : t.changed(user.name));
      if (user?.name === session.value?.name) {
        // One's own rights: what there is to see may be another page now.
        await enter(never);
      }
      done();
      onClose();
    }
  };
  return (
    <FormDialog
      title={user === null ? t.add : t.changeName(user.name)}
      go={user === null ? t.addGo : t.keep}
      isBusy={isBusy.value}
      failure={failure.value}
      onSend={() => void keep()}
      onClose={onClose}
    >
      {user === null
        ? (
          <Field label={people.name}>
            {(input) => (
              <input
                {...input}
                class="input"
                required
                maxLength={64}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                value={name.value}
                onInput={(event) => { name.value = event.currentTarget.value; }}
              />
            )}
          </Field>
        )
        : null}
      {isLast ? <p class="about">{t.lastAdministrator}</p> : null}
      <GrantFields draft={draft} />
      <Field label={user === null ? t.password : t.newPassword} hint={user === null ? t.passwordHint : t.newPasswordHint}>
        {(input) => (
          <input
            {...input}
            class="input"
            type="password"
            required={user === null}
            minLength={8}
            autocomplete="new-password"
            value={password.value}
            onInput={(event) => { password.value = event.currentTarget.value; }}
          />
        )}
      </Field>
    </FormDialog>
  );
}
