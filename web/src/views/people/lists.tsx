// Tokens, links and sessions: one's own, or everybody's where the server gives them all.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { send } from '../../api/client.ts';
import { getLinks, getSessions, getTokens, type Link, makeToken, type Role, type Session, type Token } from '../../api/people.ts';
import type { Failure } from '../../api/types.ts';
import { session as me } from '../../app/session.ts';
import { useAsked } from '../../kit/asked.ts';
import { Dialog } from '../../kit/dialog.tsx';
import { type Column, Empty, Field, Table, Trouble, Waiting } from '../../kit/pieces.tsx';

import { failureOf, never, removeAfterAsking } from './act.ts';
import { browserName } from './browser.ts';
import { t } from './messages.ts';
import { CamerasCell, FormDialog, GrantFields, grantOf, Moment, PlacesCell, Secret, useCameraName, useGrantDraft } from './parts.tsx';

/** Often enough to see what others do, and to notice that one was logged out. */
export const EVERY_MS = 10_000;

const DAY_S = 86_400;
const DAYS = [1, 7, 30, 90, 365] as const;

/** `isWhole`: everybody's; else what is only one's own, without saying whose it is. `last` stays away if it is nobody's. */
type ListProps = { readonly isWhole: boolean };

export function Tokens({ isWhole }: ListProps): VNode {
  const list = useAsked(getTokens, EVERY_MS);
  const isMaking = useSignal(false);
  const items = list.value.value?.filter((token) => isWhole || token.user === me.value?.name);
  const revoke = async (token: Token): Promise<void> => {
    const isDone = await removeAfterAsking({
      title: t.revokeTokenTitle,
      text: t.revokeTokenText(token.name),
      go: t.revoke,
      done: t.tokenRevoked(token.name),
      remove: () => send('DELETE', '/api/v1/tokens/{id}', { path: { id: token.id } }, never),
    });
    if (isDone) {
      list.again();
    }
  };
  const columns: Column<Token>[] = [
    { head: t.name, cell: (token) => <span class="strong">{token.name}</span> },
    ...(isWhole ? [{ head: t.by, cell: (token: Token) => token.user ?? t.commandLine }] : []),
    { head: t.role, cell: (token) => t.roles[token.role] },
    { head: t.cameras, cell: (token) => <CamerasCell ids={token.cameras} /> },
    { head: t.from, cell: (token) => <PlacesCell grant={token} /> },
    { head: t.expires, cell: (token) => <Expiry at_s={token.expires_s} /> },
    {
      head: t.actions,
      cell: (token) => (
        <div class="row actions">
          <button type="button" class="button danger" aria-label={t.revokeToken(token.name)} onClick={() => void revoke(token)}>{t.revoke}</button>
        </div>
      ),
    },
  ];
  return (
    <section class="section" aria-labelledby="tokens">
      <div class="section-head">
        <h2 id="tokens">{t.tokens}</h2>
        <button type="button" class="button primary" onClick={() => { isMaking.value = true; }}>{t.addToken}</button>
      </div>
      <p class="about">{t.tokensAbout}</p>
      <Listed items={items} failure={list.failure.value} again={list.again} empty={t.noTokens}>
        {(rows) => <Table label={t.tokens} columns={columns} rows={rows} keyOf={(token) => token.id} />}
      </Listed>
      {isMaking.value ? <MakeToken made={list.again} onClose={() => { isMaking.value = false; }} /> : null}
    </section>
  );
}

/** An end in the future, or none. */
function Expiry({ at_s }: { at_s: number | null }): VNode {
  if (at_s === null) {
    return <>{t.neverExpires}</>;
  }
  return at_s * 1000 < Date.now() ? <span class="badge" data-tone="warn">{t.expired}</span> : <Moment at_s={at_s} />;
}

function MakeToken({ made, onClose }: { made: () => void; onClose: () => void }): VNode {
  const most: Role = me.value?.role ?? 'viewer';
  const name = useSignal('');
  const days = useSignal(0);
  const draft = useGrantDraft({ role: 'viewer', cameras: null, allow: [], deny: [] });
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const secret = useSignal('');
  const make = async (): Promise<void> => {
    isBusy.value = true;
    failure.value = null;
    const expires_in_s = days.value === 0 ? null : days.value * DAY_S;
    const answer = await makeToken({ name: name.value.trim(), ...grantOf(draft), expires_in_s }, never);
    isBusy.value = false;
    failure.value = failureOf(answer);
    if (answer.kind === 'ok') {
      secret.value = answer.value;
      made();
    }
  };
  if (secret.value !== '') {
    return (
      <Dialog
        key="made"
        title={t.tokenReady(name.value.trim())}
        onClose={onClose}
        actions={<button type="button" class="button primary" onClick={onClose}>{t.done}</button>}
      >
        <p class="strong">{t.tokenOnce}</p>
        <Secret label={t.tokenReady(name.value.trim())} text={secret.value} />
        <div>
          <p class="soft">{t.tokenUse}</p>
          <p class="code">Authorization: Bearer …</p>
        </div>
      </Dialog>
    );
  }
  return (
    <FormDialog key="form" title={t.addToken} go={t.makeToken} isBusy={isBusy.value} failure={failure.value} onSend={() => void make()} onClose={onClose}>
      <Field label={t.tokenFor}>
        {(input) => (
          <input
            {...input}
            class="input"
            required
            maxLength={64}
            placeholder="Home Assistant"
            value={name.value}
            onInput={(event) => { name.value = event.currentTarget.value; }}
          />
        )}
      </Field>
      <GrantFields draft={draft} most={most} />
      <Field label={t.tokenValid}>
        {(input) => (
          <select {...input} class="input" value={days.value} onChange={(event) => { days.value = Number(event.currentTarget.value); }}>
            <option value={0}>{t.untilRevoked}</option>
            {DAYS.map((n) => <option key={n} value={n}>{t.days(n)}</option>)}
          </select>
        )}
      </Field>
    </FormDialog>
  );
}

export function Links({ isWhole }: ListProps): VNode {
  const list = useAsked(getLinks, EVERY_MS);
  const cameraName = useCameraName();
  const items = list.value.value?.filter((link) => isWhole || link.user === me.value?.name);
  const revoke = async (link: Link): Promise<void> => {
    const isDone = await removeAfterAsking({
      title: t.revokeLinkTitle,
      text: t.revokeLinkText(cameraName(link.camera)),
      go: t.revoke,
      done: t.linkRevoked,
      remove: () => send('DELETE', '/api/v1/links/{id}', { path: { id: link.id } }, never),
    });
    if (isDone) {
      list.again();
    }
  };
  const columns: Column<Link>[] = [
    { head: t.camera, cell: (link) => <span class="strong">{cameraName(link.camera)}</span> },
    { head: t.shows, cell: (link) => t.medium[link.what] },
    ...(isWhole ? [{ head: t.by, cell: (link: Link) => link.user ?? t.commandLine }] : []),
    { head: t.made, cell: (link) => <Moment at_s={link.created_s} /> },
    { head: t.expires, cell: (link) => <Expiry at_s={link.expires_s} /> },
    {
      head: t.actions,
      cell: (link) => (
        <div class="row actions">
          <button type="button" class="button danger" aria-label={t.revokeLink(cameraName(link.camera))} onClick={() => void revoke(link)}>
            {t.revoke}
          </button>
        </div>
      ),
    },
  ];
  return (
    <section class="section" aria-labelledby="links">
      <div class="section-head"><h2 id="links">{t.links}</h2></div>
      <p class="about">{t.linksAbout}</p>
      <Listed items={items} failure={list.failure.value} again={list.again} empty={t.noLinks}>
        {(rows) => <Table label={t.links} columns={columns} rows={rows} keyOf={(link) => link.id} />}
      </Listed>
    </section>
  );
}

export function Sessions({ isWhole }: ListProps): VNode {
  const list = useAsked(getSessions, EVERY_MS);
  const items = list.value.value?.filter((one) => isWhole || one.user === me.value?.name);
  const others = (items ?? []).filter((one) => !one.is_current);
  const end = async (one: Session): Promise<void> => {
    const isDone = await removeAfterAsking({
      title: t.endSessionTitle,
      text: t.endSessionText(one.user, browserName(one.user_agent) ?? t.unknownBrowser),
      go: t.end,
      done: t.sessionEnded,
      remove: () => send('DELETE', '/api/v1/sessions/{id}', { path: { id: one.id } }, never),
    });
    if (isDone) {
      list.again();
    }
  };
  const endOthers = async (): Promise<void> => {
    await removeAfterAsking({
      title: t.endOthersTitle,
      text: t.endOthersText(others.length),
      go: t.endOthers,
      done: t.othersEnded,
      remove: async () => {
        for (const { id } of others) {
          const answer = await send('DELETE', '/api/v1/sessions/{id}', { path: { id } }, never);
          // One that is gone by now is what was wanted.
          if (answer.kind === 'failed' && !(answer.failure.reason === 'refused' && answer.failure.status === 404)) {
            return answer;
          }
        }
        return { kind: 'ok', value: null };
      },
    });
    list.again();
  };
  const columns: Column<Session>[] = [
    ...(isWhole ? [{ head: t.user, cell: (one: Session) => <span class="strong">{one.user}</span> }] : []),
    {
      head: t.browser,
      cell: (one) => (
        <>
          <span title={one.user_agent ?? ''}>{browserName(one.user_agent) ?? t.unknownBrowser}</span>
          {one.is_current ? <> <span class="badge" data-tone="good">{t.thisOne}</span></> : null}
        </>
      ),
    },
    { head: t.address, cell: (one) => one.address },
    { head: t.signedIn, cell: (one) => <Moment at_s={one.created_s} /> },
    { head: t.lastSeen, cell: (one) => <Moment at_s={one.seen_s} /> },
    {
      head: t.actions,
      cell: (one) => (one.is_current ? null : (
        <div class="row actions">
          <button type="button" class="button danger" aria-label={t.endSession(one.user)} onClick={() => void end(one)}>{t.end}</button>
        </div>
      )),
    },
  ];
  return (
    <section class="section" aria-labelledby="sessions">
      <div class="section-head">
        <h2 id="sessions">{t.sessions}</h2>
        {!isWhole && others.length > 0
          ? <button type="button" class="button danger" onClick={() => void endOthers()}>{t.endOthers}</button>
          : null}
      </div>
      <p class="about">{t.sessionsAbout}</p>
      <Listed items={items} failure={list.failure.value} again={list.again} empty={t.noSessions}>
        {(rows) => <Table label={t.sessions} columns={columns} rows={rows} keyOf={(one) => one.id} />}
      </Listed>
    </section>
  );
}

type ListedProps<T> = {
  readonly items: readonly T[] | undefined;
  readonly failure: Failure | null;
  readonly again: () => void;
  readonly empty: string;
  readonly children: (rows: readonly T[]) => VNode;
};

/** A list, or why there is none. One that was there stays while the server does not answer. */
export function Listed<T>({ items, failure, again, empty, children }: ListedProps<T>): VNode {
  if (items === undefined) {
    return failure === null ? <Waiting /> : <Trouble failure={failure} again={again} />;
  }
  return items.length === 0 ? <Empty title={empty} /> : children(items);
}

