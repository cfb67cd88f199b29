// Times without pictures: those that go on first, then those that are over.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';

import '../people/people.css';
import './page.css';

import { getIncidents, type Incident } from '../../api/incidents.ts';
import { useCameras } from '../../app/cameras.ts';
import { go } from '../../app/router.ts';
import type { ViewProps } from '../../app/views.ts';
import { t as shell } from '../../i18n/current.ts';
import { duration } from '../../i18n/duration.ts';
import { useAsked } from '../../kit/asked.ts';
import { usePages } from '../../kit/pages.ts';
import { Empty, Field, Sheet, Trouble, Waiting, When } from '../../kit/pieces.tsx';
import { t } from './messages.ts';
import { stepWords } from './words.ts';

const EVERY_MS = 4_000;
const PAGE = 30;
/** More of them at a time than cameras is not possible, but for the server's own. */
const MOST_OPEN = 1000;

export default function Incidents({ rest: [camera = ''] }: ViewProps): VNode {
  const open = useAsked((signal) => getIncidents({ camera, isOpen: true, before: null, limit: MOST_OPEN }, signal), EVERY_MS, camera);
  const over = usePages<Incident>(
    (before, signal) => getIncidents({ camera, isOpen: false, before, limit: PAGE }, signal),
    PAGE,
    EVERY_MS,
    camera,
  );
  const now = open.value.value;
  const past = over.items.value;
  const failure = open.failure.value ?? over.failure.value;
  return (
    <Sheet title={t.title} actions={<CameraFilter camera={camera} />}>
      <Content now={now} past={past} />
      {now === null || past === null
        ? failure === null ? <Waiting /> : <Trouble failure={failure} again={() => { open.again(); over.again(); }} />
        : null}
      {past !== null && over.hasOlder.value
        ? (
          <div class="list-foot">
            <button type="button" class="button" disabled={over.isBusy.value} onClick={over.older}>{t.older}</button>
          </div>
        )
        : null}
    </Sheet>
  );
}

function Content({ now, past }: { now: readonly Incident[] | null; past: readonly Incident[] | null }): VNode | null {
  if (now === null || past === null) {
    return null;
  }
  if (now.length === 0 && past.length === 0) {
    return <Empty title={t.none} text={t.noneText} />;
  }
  return (
    <>
      <section class="section" aria-labelledby="open">
        <h2 id="open" class="section-title">{t.open}</h2>
        {now.length === 0
          ? <p class="quiet" data-tone="good">{t.noneNow}</p>
          : <ul class="incidents">{now.map((one) => <Card key={one.id} incident={one} />)}</ul>}
      </section>
      <section class="section" aria-labelledby="over">
        <h2 id="over" class="section-title">{t.over}</h2>
        {past.length === 0 ? <p class="about">{t.noneOver}</p> : <ul class="incidents">{past.map((one) => <Card key={one.id} incident={one} />)}</ul>}
      </section>
    </>
  );
}

function CameraFilter({ camera }: { camera: string }): VNode {
  const cameras = useCameras() ?? [];
  const isGone = camera !== '' && !cameras.some(({ id }) => id === camera);
  return (
    <Field label={t.camera}>
      {(input) => (
        <select
          {...input}
          class="input"
          value={camera}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            go('incidents', ...(chosen === '' ? [] : [chosen]));
          }}
        >
          <option value="">{t.allCameras}</option>
          {cameras.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
          {isGone ? <option value={camera}>{camera}</option> : null}
        </select>
      )}
    </Field>
  );
}

function Card({ incident }: { incident: Incident }): VNode {
  const cameras = useCameras();
  const isUnfolded = useSignal(false);
  const { camera, began, ended, cause, message, advice, detail, words, restarts, steps } = incident;
  const name = camera === null ? t.server : cameras?.find(({ id }) => id === camera)?.name ?? camera;
  const length = duration((ended === null ? Date.now() : Date.parse(ended)) - Date.parse(began), shell);
  const adviceHere = t.advice[cause];
  return (
    <li class="incident card" data-tone={ended === null ? 'bad' : 'busy'}>
      <div class="incident-head">
        <h3>{name}</h3>
        <span class="soft">
          <When at={began} /> · {ended === null ? t.lasts(length) : t.lasted(length)}
          {restarts > 0 ? <> · {t.restarts(restarts)}</> : null}
        </span>
      </div>
      <p class="incident-cause">{t.causes[cause] ?? shell.causes.get(cause) ?? message}</p>
      {advice === '' ? null : <p class="soft">{t.whatToDo}: {adviceHere === undefined ? <span lang="en"><Ticked text={advice} /></span> : <Ticked text={adviceHere} />}</p>}
      {detail === '' && words.length === 0 && steps.length === 0 ? null : (
        <details class="folded" onToggle={(event) => { isUnfolded.value = event.currentTarget.open; }}>
          <summary>{t.detail}</summary>
          {isUnfolded.value
            ? (
              <div class="incident-more">
                {detail === '' ? null : <p class="code" lang="en">{detail}</p>}
                {steps.length === 0 ? null : (
                  <div>
                    <h4>{t.whatWasDone}</h4>
                    <ol class="steps">
                      {steps.map((step, at) => <li key={at}><span class="soft"><Clock at={step.at} /></span> {stepWords(step.what, t.steps)}</li>)}
                    </ol>
                  </div>
                )}
                {words.length === 0 ? null : (
                  <div>
                    <h4>{t.lastWords}</h4>
                    <pre class="code" lang="en" tabIndex={0}>{words.join('\n')}</pre>
                  </div>
                )}
              </div>
            )
            : null}
        </details>
      )}
    </li>
  );
}

/** Text in which names of keys and commands stand between backticks. */
function Ticked({ text }: { text: string }): VNode {
  return <>{text.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>;
}

const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: 'medium' });

function Clock({ at }: { at: string }): VNode {
  return <time dateTime={at}>{clock.format(Date.parse(at))}</time>;
}
