// Who is watching what, from where, and how well it gets there.

import type { VNode } from 'preact';

import './page.css';

import { send } from '../../api/client.ts';
import { getViewers, type Viewer } from '../../api/viewers.ts';
import { bytes } from '../../kit/bytes.ts';
import { useAsked } from '../../kit/asked.ts';
import { type Column, Empty, Sheet, Table, Trouble, Waiting, When } from '../../kit/pieces.tsx';
import { never, removeAfterAsking } from '../people/act.ts';
import { withoutPort } from '../people/address.ts';
import { browserName } from '../people/browser.ts';
import { useCameraName } from '../people/parts.tsx';
import { t } from './messages.ts';

const EVERY_MS = 2_000;

export default function Viewers(): VNode {
  const list = useAsked(getViewers, EVERY_MS);
  const cameraName = useCameraName();
  const now = list.value.value;
  const end = async (viewer: Viewer): Promise<void> => {
    const isDone = await removeAfterAsking({
      title: t.endTitle(viewer.who),
      text: t.endText,
      go: t.end,
      done: t.ended(viewer.who),
      remove: () => send('DELETE', '/api/v1/viewers/{id}', { path: { id: viewer.id } }, never),
    });
    if (isDone) {
      list.again();
    }
  };
  const columns: Column<Viewer>[] = [
    {
      head: t.who,
      cell: ({ who, user_agent }) => (
        <>
          <span class="strong">{who === '' ? t.unknown : who}</span>
          <br />
          <span class="soft" title={user_agent ?? ''}>{browserName(user_agent) ?? ''}</span>
        </>
      ),
    },
    { head: t.camera, cell: ({ camera }) => cameraName(camera) },
    { head: t.from, cell: ({ address }) => withoutPort(address) },
    { head: t.since, cell: ({ connected_since }) => <When at={connected_since} /> },
    {
      head: t.gets,
      cell: ({ width_px, height_px, reason }) => (
        <>
          {width_px === null || height_px === null ? t.unknown : `${width_px} × ${height_px}`}
          <br />
          <span class="soft">{t.reasons[reason]}</span>
        </>
      ),
    },
    {
      head: t.rate,
      isNumber: true,
      cell: ({ rate, frames_skipped }) => (
        <span>
          {t.fps(rate.toFixed(1))}
          {frames_skipped > 0 ? <><br /><span class="soft">{t.skipped(frames_skipped)}</span></> : null}
        </span>
      ),
    },
    { head: t.behind, isNumber: true, cell: ({ lag_ms }) => (lag_ms === null ? t.unknown : t.ms(lag_ms)) },
    { head: t.sent, isNumber: true, cell: (viewer) => bytes(viewer.bytes) },
    {
      head: t.actions,
      cell: (viewer) => (
        <div class="row actions">
          <button
            type="button"
            class="button danger"
            aria-label={t.endWho(viewer.who, withoutPort(viewer.address))}
            onClick={() => void end(viewer)}
          >
            {t.end}
          </button>
        </div>
      ),
    },
  ];
  return (
    <Sheet title={t.title} actions={now === null ? null : <span class="soft">{t.places(now.viewers.length, now.max_viewers)}</span>}>
      {now === null
        ? list.failure.value === null ? <Waiting /> : <Trouble failure={list.failure.value} again={list.again} />
        : now.viewers.length === 0
          ? <Empty title={t.none} text={t.noneText} />
          : <div class="viewers"><Table label={t.title} columns={columns} rows={now.viewers} keyOf={({ id }) => id} /></div>}
      {now === null ? null : <p class="soft">{t.totals(now.total, now.refused)}</p>}
    </Sheet>
  );
}
