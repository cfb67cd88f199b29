// The place of one picture, with zoom and pan: by wheel, by fingers, by keys.

import type { ComponentChildren, RefObject, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type ReadonlySignal, type Signal, useSignal } from '@preact/signals';

import { type Controls, setControls } from '../../api/controls.ts';
import { may } from '../../app/session.ts';
import { complain } from '../../kit/toasts.tsx';
import { type Lens, MOST_SCALE, PLAIN, shareOf, type View, viewOf, within, zoomed } from './lens.ts';
import { t as words } from './messages.ts';
import type { Screen } from './screen.ts';

/** A wheel has no end of its own: it has left when nothing comes any more. */
const WHEEL_REST_MS = 500;
const KEY_STEP = 1.25;
const KEY_SHIFT = 0.15;

/** What the camera's own zoom is, if it has one; filled by whoever knows the controls. */
export type Optics = { readonly view: View; readonly most: number; readonly sensorRatio: number };

type StageProps = {
  readonly screen: Screen;
  readonly host: RefObject<HTMLDivElement | null>;
  readonly optics: ReadonlySignal<Optics | null>;
  readonly onChanged: (controls: Controls) => void;
  readonly children: ComponentChildren;
};

export function Stage({ screen, host, optics, onChanged, children }: StageProps): VNode {
  const area = useRef<HTMLDivElement>(null);
  const lens = useSignal<Lens>(PLAIN);
  useEffect(() => {
    const place = area.current;
    if (place === null) {
      return;
    }
    const stop = new AbortController();
    const gestures = new Gestures(place, lens, optics, screen.id, stop.signal, onChanged);
    return () => {
      gestures.end();
      stop.abort();
    };
  }, [screen]);
  useEffect(() => {
    if (host.current !== null) {
      const { scale, x, y } = lens.value;
      host.current.style.transform = scale === 1 ? '' : `translate(${x * 100}%, ${y * 100}%) scale(${scale})`;
    }
    screen.magnified.value = lens.value.scale > 2 ? 4 : lens.value.scale > 1 ? 2 : 1;
  }, [lens.value]);
  const { scale } = lens.value;
  return (
    <div
      ref={area}
      class="lens"
      tabIndex={0}
      role="group"
      aria-label={words.zoomHelp}
      data-zoomed={scale !== 1}
      data-scale={scale.toFixed(2)}
    >
      <div ref={host} class="picture" />
      {children}
      {scale === 1
        ? null
        : (
          <button type="button" class="zoom-back" title={words.zoomBack} onClick={() => { lens.value = PLAIN; }}>
            <span class="unseen">{words.zoomBack}</span>
            <span aria-hidden="true">{words.zoomed(scale.toFixed(1))}</span>
          </button>
        )}
    </div>
  );
}

type Point = { readonly x: number; readonly y: number };

class Gestures {
  private readonly fingers = new Map<number, Point>();
  private rest: ReturnType<typeof setTimeout> | undefined;
  /** Counts what was asked of the camera: only the last answer puts the drawing back. */
  private asked = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly lens: Signal<Lens>,
    private readonly optics: ReadonlySignal<Optics | null>,
    private readonly camera: string,
    private readonly signal: AbortSignal,
    private readonly changed: (controls: Controls) => void,
  ) {
    const options = { signal };
    place.addEventListener('wheel', (event) => { this.wheel(event); }, { ...options, passive: false });
    place.addEventListener('pointerdown', (event) => { this.down(event); }, options);
    place.addEventListener('pointermove', (event) => { this.move(event); }, options);
    for (const kind of ['pointerup', 'pointercancel'] as const) {
      place.addEventListener(kind, (event) => { this.up(event); }, options);
    }
    place.addEventListener('dblclick', (event) => {
      if (!isButton(event.target)) {
        this.zoom(this.lens.value.scale > 1.01 ? 1 / MOST_SCALE : 2, this.at(event));
        this.left();
      }
    }, options);
    place.addEventListener('keydown', (event) => { this.key(event); }, options);
  }

  end(): void {
    clearTimeout(this.rest);
  }

  /** With a camera that is zoomed in itself, one can also go back out. */
  private bounds(): [number, number] {
    const optics = this.optics.value;
    return optics === null ? [1, MOST_SCALE] : [1 / optics.view.zoom, Math.min(MOST_SCALE, optics.most / optics.view.zoom)];
  }

  private at({ clientX, clientY }: MouseEvent): Point {
    const box = this.place.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
  }

  private zoom(factor: number, at: Point): void {
    this.lens.value = zoomed(this.lens.value, factor, at, ...this.bounds());
  }

  private shift(x: number, y: number): void {
    const { scale, x: fromX, y: fromY } = this.lens.value;
    this.lens.value = within({ scale, x: fromX + x, y: fromY + y }, ...this.bounds());
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 32 : 1;
    const delta_px = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.zoom(2 ** (-delta_px / 240), this.at(event));
    this.leaveSoon();
  }

  private down(event: PointerEvent): void {
    if (isButton(event.target) || (event.pointerType === 'mouse' && event.button !== 0)) {
      return;
    }
    clearTimeout(this.rest);
    this.fingers.set(event.pointerId, this.at(event));
    this.place.setPointerCapture(event.pointerId);
  }

  private move(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (before === undefined) {
      return;
    }
    const now = this.at(event);
    this.fingers.set(event.pointerId, now);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) {
      if (this.lens.value.scale > 1) {
        this.shift(now.x - before.x, now.y - before.y);
      }
      return;
    }
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const apart = Math.max(distance(before, other), 0.01);
    this.shift((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.zoom(distance(now, other) / apart, middle);
  }

  private up(event: PointerEvent): void {
    if (this.fingers.delete(event.pointerId) && this.fingers.size === 0) {
      this.left();
    }
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.place || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const middle = { x: 0.5, y: 0.5 };
    const acts: Readonly<Record<string, () => void>> = {
      '+': () => { this.zoom(KEY_STEP, middle); },
      '=': () => { this.zoom(KEY_STEP, middle); },
      '-': () => { this.zoom(1 / KEY_STEP, middle); },
      0: () => { this.zoom(1 / MOST_SCALE / 10, middle); },
      ArrowLeft: () => { this.shift(KEY_SHIFT, 0); },
      ArrowRight: () => { this.shift(-KEY_SHIFT, 0); },
      ArrowUp: () => { this.shift(0, KEY_SHIFT); },
      ArrowDown: () => { this.shift(0, -KEY_SHIFT); },
    };
    const act = acts[event.key];
    if (act !== undefined) {
      event.preventDefault();
      act();
      this.leaveSoon();
    }
  }

  private leaveSoon(): void {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => { this.left(); }, WHEEL_REST_MS);
  }

  /** The fingers have left: what is drawn larger now comes in the camera's own pixels, if it can. */
  private left(): void {
    const optics = this.optics.value;
    const drawn = this.lens.value;
    if (optics === null || !may('control', this.camera) || (drawn.scale === 1 && this.asked === 0)) {
      return;
    }
    if (Math.abs(drawn.scale - 1) < 0.01) {
      this.lens.value = PLAIN;
      return;
    }
    const { zoom, pan, tilt } = viewOf(drawn, optics.view, optics.most, shareOf(this.place.clientWidth / this.place.clientHeight, optics.sensorRatio));
    this.asked += 1;
    const asked = this.asked;
    const patch = zoom === 1 ? { zoom: null, pan: null, tilt: null } : { zoom, pan, tilt };
    void setControls(this.camera, { ...patch, roi: null }, this.signal).then((answer) => {
      // Another gesture began from what is drawn now; its own answer comes.
      if (asked !== this.asked || this.fingers.size > 0) {
        return;
      }
      if (answer.kind === 'failed') {
        complain(answer.failure, words.notSet);
      }
      if (answer.kind === 'ok') {
        this.changed(answer.value);
      }
      if (answer.kind !== 'aborted') {
        this.lens.value = PLAIN;
      }
    });
  }
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function isButton(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a, input, select, dialog') !== null;
}
