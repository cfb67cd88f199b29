// One camera: its picture, what there is to say about it, and what can be done with it.

import { useComputed, useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';

import { type Controls, getControls } from '../../api/controls.ts';
import type { Camera } from '../../api/types.ts';
import { cameras as known, watch } from '../../app/cameras.ts';
import { go, href } from '../../app/router.ts';
import { may } from '../../app/session.ts';
import { t } from '../../i18n/current.ts';
import { duration } from '../../i18n/duration.ts';
import { useAsked } from '../../kit/asked.ts';
import { ICONS, Icon } from '../../kit/icon.tsx';
import { ControlPanel } from './controls.tsx';
import { FullScreenButton, useFullScreen } from './fullscreen.tsx';
import { t as words } from './messages.ts';
import { Notice } from './notice.tsx';
import { useScreen } from './screen.ts';
import { Share } from './share.tsx';
import { SnapshotButton } from './snapshot.tsx';
import { type Optics, Stage } from './stage.tsx';
import { wording } from './wording.ts';

const USUAL_RATIO = 4 / 3;

export function Alone({ id, cameras }: { id: string; cameras: readonly Camera[] }): VNode {
  const { screen, host } = useScreen(id);
  const fullScreen = useFullScreen();
  const isOpen = useSignal(false);
  const isSharing = useSignal(false);
  const said = useSignal<{ kind: string; text: string }>({ kind: '', text: '' });
  const camera = known.value?.find((one) => one.id === id) ?? null;
  const controls = useSignal<Controls | null>(null);
  const mayControl = id !== '' && may('control', id);
  // Asked for once there is a camera, and again when somebody opens what they are in.
  const asked = useAsked<Controls>(
    (signal) => (id === '' || !mayControl ? Promise.resolve({ kind: 'aborted' }) : getControls(id, signal)),
    undefined,
    // The camera has to give pictures before all is known of it.
    `${id} ${String(mayControl)} ${String(isOpen.value)} ${String(screen.situation.value.kind === 'live')}`,
  );
  useEffect(() => {
    if (asked.value.value !== null) {
      controls.value = asked.value.value;
    }
  }, [asked.value.value]);
  const optics = useComputed(() => opticsOf(controls.value));

  const now = screen.situation.value;
  const state = wording(now, t);
  const age_ms = screen.age_ms.value;
  const shown = screen.shown.value;
  useEffect(() => {
    document.title = camera === null ? 'my-cctv-server' : `${camera.name} · ${state.title}`;
    // Spoken once per change, not once per second.
    if (said.value.kind !== now.kind) {
      said.value = { kind: now.kind, text: state.detail === '' ? state.title : `${state.title}. ${state.detail}` };
    }
  });
  const ratio = camera?.width_px && camera.height_px ? camera.width_px / camera.height_px : USUAL_RATIO;
  useEffect(() => { fullScreen.place.current?.style.setProperty('--ratio', String(ratio)); }, [ratio]);

  const size = camera?.width_px && camera.height_px ? `${camera.width_px} × ${camera.height_px}` : '';
  const format = camera === null ? '' : [size, t.fps(Math.round(camera.framerate * 10) / 10)].filter((part) => part !== '').join(' · ');
  const isSeveral = cameras.length > 1;
  return (
    <div ref={fullScreen.place} class="app" data-panel={isOpen.value}>
      <header class="bar top">
        <span class="title">
          {isSeveral
            ? (
              <a class="button quiet square" href={href('live')} aria-label={words.allCameras} title={words.allCameras}>
                <Icon paths={ICONS.wall} />
              </a>
            )
            : null}
          {/* The heading stays for those who listen to the page. */}
          <h1 id="name" class={isSeveral ? 'name unseen' : 'name'}>{camera?.name ?? ''}</h1>
          {isSeveral
            ? (
              <span class="chooser">
                <select aria-label={t.camera} value={id} onChange={(event) => { go('live', event.currentTarget.value); }}>
                  {cameras.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
                </select>
                <Icon paths={['m7 10 5 5 5-5']} />
              </span>
            )
            : null}
        </span>
        <p id="state" class="state" data-tone={state.tone} data-situation={now.kind}>
          <span class="dot" />
          <span id="state-word">{state.title}</span>
        </p>
      </header>
      <div class="stage">
        <div id="frame" class="frame" data-tone={state.tone} data-held={String(screen.hasPicture.value)} data-placeholder={String(screen.isPlaceholder.value)}>
          <Stage screen={screen} host={host} optics={optics} onChanged={(answer) => { controls.value = answer; }}>
            <Notice screen={screen} words={state} id="notice" />
          </Stage>
        </div>
      </div>
      <footer class="bar bottom">
        <ul id="facts" class="facts">
          <li id="age">{camera === null && age_ms === null ? '' : age_ms === null ? t.noPicture : t.age(duration(age_ms, t))}</li>
          <li id="format">{format}</li>
          <li id="lost" title={shown === null ? '' : words.lostTitle(shown.lost)}>{shown === null ? '' : words.lost(shown.lost)}</li>
          <li id="viewers">{camera === null || watch.latest === null ? '' : t.viewers(camera.viewers, watch.latest.max_viewers)}</li>
        </ul>
        <div class="tools">
          <SnapshotButton camera={camera} />
          <a class="tool" href={`three.html?camera=${encodeURIComponent(id)}`} title={words.three}>
            <Icon paths={ICONS.cube} />
            <span class="word">3D</span>
          </a>
          {camera !== null && may('share', id)
            ? (
              <button type="button" class="tool" title={words.share} onClick={() => { isSharing.value = true; }}>
                <Icon paths={ICONS.link} />
                <span class="word">{words.share}</span>
              </button>
            )
            : null}
          <button
            type="button"
            class="tool"
            title={words.controls}
            disabled={id === ''}
            aria-expanded={isOpen.value}
            onClick={() => { isOpen.value = !isOpen.value; }}
          >
            <Icon paths={ICONS.sliders} />
            <span class="word">{words.controls}</span>
          </button>
          <FullScreenButton fullScreen={fullScreen} />
        </div>
      </footer>
      {isOpen.value
        ? (
          <ControlPanel
            id={id}
            quality={screen.quality}
            controls={mayControl ? controls : null}
            failure={asked.failure.value}
            again={asked.again}
            onClose={() => { isOpen.value = false; }}
          />
        )
        : null}
      {isSharing.value && camera !== null ? <Share camera={camera} onClose={() => { isSharing.value = false; }} /> : null}
      <p id="announce" class="unseen" role="status">{said.value.text}</p>
    </div>
  );
}

function opticsOf(controls: Controls | null): Optics | null {
  const zoom = controls?.controls.find(({ name }) => name === 'zoom');
  if (controls === null || zoom === undefined || zoom.most === null) {
    return null;
  }
  const value = (name: string, none: number): number => {
    const found = controls.controls.find((one) => one.name === name)?.value;
    return typeof found === 'number' ? found : none;
  };
  return { view: { zoom: value('zoom', 1), pan: value('pan', 0), tilt: value('tilt', 0) }, most: zoom.most, sensorRatio: controls.sensorRatio };
}
