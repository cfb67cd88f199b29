// All cameras at once.

import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import type { Camera, Cameras } from '../../api/types.ts';
import { go, href } from '../../app/router.ts';
import { duration } from '../../i18n/duration.ts';
import { t } from '../../i18n/current.ts';
import { ICONS, Icon } from '../../kit/icon.tsx';
import { FullScreenButton, useFullScreen } from './fullscreen.tsx';
import { inOrder, layoutOf, moved } from './layout.ts';
import { t as words } from './messages.ts';
import { Notice } from './notice.tsx';
import { useScreen } from './screen.ts';
import { wording } from './wording.ts';

const KEPT = 'cctv.wall';
const GAP_PX = 6;
/** Most cameras are one or the other; in between both keep little empty. */
const USUAL_RATIO = 1.5;

function keptOrder(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

function keepOrder(ids: readonly string[]): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(ids));
  } catch {
    // A browser that keeps nothing forgets the order as well.
  }
}

export function Wall({ cameras, viewers }: { cameras: readonly Camera[]; viewers: Cameras | null }): VNode {
  const order = useSignal(keptOrder());
  const said = useSignal('');
  const columns = useSignal(1);
  const dragged = useSignal<string | null>(null);
  const grid = useRef<HTMLUListElement>(null);
  const fullScreen = useFullScreen();
  const ids = inOrder(cameras.map((camera) => camera.id), order.value);
  const ratios = cameras.map((camera) => (camera.width_px !== null && camera.height_px ? camera.width_px / camera.height_px : 0)).filter((ratio) => ratio > 0);
  const ratio = ratios.length === 0 ? USUAL_RATIO : ratios.reduce((sum, one) => sum + one, 0) / ratios.length;

  // A page with all of them takes one place at each camera.
  const most = Math.max(0, ...cameras.map((camera) => camera.viewers));

  // Before anything is painted: tiles that find their places afterwards jump.
  useLayoutEffect(() => {
    const place = grid.current;
    if (place === null) {
      return;
    }
    const fit = (): void => {
      const layout = layoutOf(cameras.length, place.clientWidth, place.clientHeight, ratio, GAP_PX);
      columns.value = layout.columns;
      place.style.setProperty('--columns', String(layout.columns));
      place.style.setProperty('--wide', `${layout.wide_px}px`);
      place.style.setProperty('--tile-ratio', String(ratio));
    };
    const sizes = new ResizeObserver(fit);
    sizes.observe(place);
    fit();
    return () => { sizes.disconnect(); };
  }, [cameras.length, ratio]);

  useEffect(() => { document.title = `${words.allCameras} · my-cctv-server`; }, []);

  const put = (id: string, to: number): void => {
    const next = moved(ids, id, to);
    if (next.join('/') === ids.join('/')) {
      return;
    }
    order.value = next;
    keepOrder(next);
    const name = cameras.find((camera) => camera.id === id)?.name ?? id;
    said.value = words.movedTo(name, next.indexOf(id) + 1, next.length);
  };

  return (
    <div ref={fullScreen.place} class="wall">
      <header class="bar top">
        <h1 class="name">{words.allCameras}</h1>
        <div class="tools">
          <span id="viewers" class="count" title={words.mostWatched}>{viewers === null ? '' : t.viewers(most, viewers.max_viewers)}</span>
          <FullScreenButton fullScreen={fullScreen} />
        </div>
      </header>
      <ul ref={grid} class="tiles">
        {ids.map((id, at) => {
          const camera = cameras.find((one) => one.id === id);
          return camera === undefined
            ? null
            : (
              <Tile
                key={id}
                camera={camera}
                isDragged={dragged.value === id}
                onKey={(step) => { put(id, step === 'first' ? 0 : step === 'last' ? ids.length - 1 : at + (step === 'up' ? -columns.value : step === 'down' ? columns.value : step)); }}
                onDrag={(over) => {
                  dragged.value = over === null ? null : id;
                  const to = over === null ? -1 : ids.indexOf(over);
                  if (to >= 0) {
                    put(id, to);
                  }
                }}
              />
            );
        })}
      </ul>
      <p class="unseen" role="status">{said.value}</p>
    </div>
  );
}

type Step = -1 | 1 | 'up' | 'down' | 'first' | 'last';

const STEPS: Readonly<Record<string, Step>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
};

type TileProps = {
  readonly camera: Camera;
  readonly isDragged: boolean;
  readonly onKey: (step: Step) => void;
  /** Over the tile of this camera, its own included; none at the end. */
  readonly onDrag: (over: string | null) => void;
};

function Tile({ camera, isDragged, onKey, onDrag }: TileProps): VNode {
  const { screen, host } = useScreen(camera.id);
  const now = screen.situation.value;
  const said = wording(now, t);
  const age_ms = screen.age_ms.value;
  const lost = screen.lostLately.value;
  const over = (event: PointerEvent): string | null =>
    document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>('[data-camera]')?.dataset.camera ?? null;
  return (
    <li
      class="tile frame"
      data-camera={camera.id}
      data-situation={now.kind}
      data-tone={said.tone}
      data-held={String(screen.hasPicture.value)}
      data-placeholder={String(screen.isPlaceholder.value)}
      data-dragged={isDragged}
    >
      <div ref={host} class="picture" />
      <Notice screen={screen} words={said} />
      <a class="tile-open" href={href('live', camera.id)} aria-label={`${camera.name}: ${said.title}`} onDblClick={() => { go('live', camera.id); }} />
      <div class="tile-foot">
        <span class="tile-name">{camera.name}</span>
        <span class="tile-facts">
          {lost > 0 ? <span class="tile-lost" title={words.lostLately(lost)}>{words.lost(lost)}</span> : null}
          <span class="tile-age">{age_ms === null ? words.unknownAge : duration(age_ms, t)}</span>
          <span class="tile-state">{said.title}</span>
        </span>
      </div>
      <button
        type="button"
        class="tile-grip"
        aria-label={words.move(camera.name)}
        title={words.moveHelp}
        onKeyDown={(event) => {
          const step = STEPS[event.key];
          if (step !== undefined) {
            event.preventDefault();
            const grip = event.currentTarget;
            onKey(step);
            // A tile that was moved in the page loses the focus.
            requestAnimationFrame(() => { grip.focus(); });
          }
        }}
        onPointerDown={(event) => {
          event.preventDefault();
          event.currentTarget.focus();
          const stop = new AbortController();
          const options = { signal: stop.signal };
          const end = (): void => {
            stop.abort();
            onDrag(null);
          };
          onDrag(camera.id);
          // On the document: the grip itself moves while it is dragged.
          document.addEventListener('pointermove', (moving) => {
            const id = over(moving);
            if (id !== null && id !== camera.id) {
              onDrag(id);
            }
          }, options);
          document.addEventListener('pointerup', end, options);
          document.addEventListener('pointercancel', end, options);
        }}
      >
        <Icon paths={ICONS.grip} />
      </button>
    </li>
  );
}
