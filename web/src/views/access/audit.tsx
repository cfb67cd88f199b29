// The audit log, page by page, and as a file.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import { type AuditFilter, auditQuery, type Entry, getAudit } from '../../api/people.ts';
import { addressOf } from '../../api/routes.ts';
import { useCameras } from '../../app/cameras.ts';
import { usePages } from '../../kit/pages.ts';
import { type Column, Empty, Field, Table, Trouble, Waiting, When } from '../../kit/pieces.tsx';
import { withoutPort, withoutRequest } from '../people/address.ts';
import { useCameraName } from '../people/parts.tsx';
import { ACTIONS, t } from './messages.ts';

const PAGE = 50;
const EVERY_MS = 10_000;
const NOTHING: AuditFilter = { who: '', action: '', camera: '', from: '', to: '' };

export function Audit(): VNode {
  const filter = useSignal(NOTHING);
  const query = auditQuery(filter.value);
  const pages = usePages<Entry>((before, signal) => getAudit(filter.value, before, PAGE, signal), PAGE, EVERY_MS, JSON.stringify(query));
  const items = pages.items.value;
  const cameraName = useCameraName();
  const isFiltered = Object.keys(query).length > 0;
  const file = addressOf('GET', '/api/v1/audit/export', { query: { ...query, format: 'csv' } });
  const columns: Column<Entry>[] = [
    { head: t.when, cell: (entry) => <When at={new Date(entry.at_ms).toISOString()} /> },
    { head: t.who, cell: (entry) => <span class="strong">{entry.who === '' ? '–' : entry.who}</span> },
    {
      head: t.what,
      cell: (entry) => (
        <>
          {t.actionWords[entry.action] ?? entry.action}
          {entry.times > 1 ? <> <span class="badge">{t.times(entry.times)}</span></> : null}
          {entry.camera === null ? null : <span class="soft"> {cameraName(entry.camera)}</span>}
          {withoutRequest(entry.detail) === '' ? null : <><br /><span class="soft" lang="en">{withoutRequest(entry.detail)}</span></>}
        </>
      ),
    },
    { head: t.address, cell: (entry) => (entry.address === '' ? '–' : withoutPort(entry.address)) },
  ];
  return (
    <section class="section" aria-labelledby="audit">
      <div class="section-head">
        <h2 id="audit">{t.auditTitle}</h2>
        <a class="button" href={file} download="audit.csv">{t.export}</a>
      </div>
      <Filters filter={filter.value} set={(next) => { filter.value = next; }} />
      {items === null
        ? pages.failure.value === null ? <Waiting /> : <Trouble failure={pages.failure.value} again={pages.again} />
        : items.length === 0
          ? (
            <Empty title={t.noEntries} {...(isFiltered ? { text: t.noEntriesFiltered } : {})}>
              {isFiltered ? <button type="button" class="button" onClick={() => { filter.value = NOTHING; }}>{t.clear}</button> : null}
            </Empty>
          )
          : <Table label={t.auditTitle} columns={columns} rows={items} keyOf={(entry) => entry.id} />}
      {items !== null && pages.hasOlder.value
        ? (
          <div class="list-foot">
            <button type="button" class="button" disabled={pages.isBusy.value} onClick={pages.older}>{t.older}</button>
          </div>
        )
        : null}
    </section>
  );
}

function Filters({ filter, set }: { filter: AuditFilter; set: (filter: AuditFilter) => void }): VNode {
  const cameras = useCameras() ?? [];
  const day = (key: 'from' | 'to', label: string): VNode => (
    <Field label={label}>
      {(input) => (
        <input {...input} class="input" type="date" value={filter[key]} onChange={(event) => { set({ ...filter, [key]: event.currentTarget.value }); }} />
      )}
    </Field>
  );
  return (
    <form class="filters" onSubmit={(event) => { event.preventDefault(); }}>
      <Field label={t.who}>
        {(input) => (
          <input
            {...input}
            class="input"
            type="search"
            value={filter.who}
            autocapitalize="none"
            onChange={(event) => { set({ ...filter, who: event.currentTarget.value }); }}
          />
        )}
      </Field>
      <Field label={t.what}>
        {(input) => (
          <select {...input} class="input" value={filter.action} onChange={(event) => { set({ ...filter, action: event.currentTarget.value }); }}>
            <option value="">{t.anything}</option>
            {ACTIONS.map((action) => <option key={action} value={action}>{t.actionWords[action] ?? action}</option>)}
          </select>
        )}
      </Field>
      <Field label={t.camera}>
        {(input) => (
          <select {...input} class="input" value={filter.camera} onChange={(event) => { set({ ...filter, camera: event.currentTarget.value }); }}>
            <option value="">{t.anyCamera}</option>
            {cameras.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
          </select>
        )}
      </Field>
      {day('from', t.fromDay)}
      {day('to', t.toDay)}
    </form>
  );
}
