// One camera's pictures and the truth about them, for the page and for the 3D view. Draws nothing: whoever shows it reads the
// signals.

import { computed, effect, signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { isAwake, onCameras, watch, woke } from '../../app/cameras.ts';
import { childOf } from '../../api/abort.ts';
import { addressOf } from '../../api/routes.ts';
import type { Camera, Failure } from '../../api/types.ts';
import { translated } from '../../i18n/causes.ts';
import { t } from '../../i18n/current.ts';
import { LivePlayer } from '../../player/live.ts';
import type { Shown } from '../../player/player.ts';
import type { Sink } from '../../player/sink.ts';
import { type Quality, widthFor } from './layout.ts';
import { type Situation, situation } from './situation.ts';

/** Answers come every two seconds; an older one no longer says how old the picture is now. */
const ANSWER_FRESH_MS = 3_000;
const TICK_MS = 1_000;
/** What was lost longer ago is no news. */
const LATELY_MS = 10_000;
/** A window that is being drawn larger passes many sizes. */
const SETTLE_MS = 300;
/** More pixels than this in each that was laid out nobody sees. */
const MOST_DENSITY = 2;

export class Screen {
  readonly situation = signal<Situation>({ kind: 'connecting' });
  readonly age_ms = signal<number | null>(null);
  readonly shown = signal<Shown | null>(null);
  /** What is shown says that there is no picture. By its own flag; a stream has none, and the camera's state speaks for it. */
  readonly isPlaceholder = computed(() => this.shown.value?.isPlaceholder ?? false);
  /** How many were lost in the last seconds. */
  readonly lostLately = signal(0);
  /** When the next try is, if one is waited for. */
  readonly retryAt_ms = signal<number | null>(null);
  /** Moves once a second. */
  readonly now_ms = signal(Date.now());
  /** There is a picture, however old. */
  readonly hasPicture = signal(false);
  readonly quality = signal<Quality>('auto');
  /** Zoomed in, a picture needs more pixels than its place has. */
  readonly magnified = signal(1);
  /** False while nobody can show what would come. */
  readonly isWanted = signal(true);

  private player: LivePlayer | null = null;
  private losses: { readonly at_ms: number; readonly lost: number }[] = [];
  private asked_px: number | undefined;

  constructor(readonly id: string) {}

  camera(): Camera | null {
    return watch.latest?.cameras.find((camera) => camera.id === this.id) ?? null;
  }

  open(sink: Sink, signal: AbortSignal): void {
    const player = new LivePlayer(sink, () => {
      // What the server says of the camera has most likely changed with it.
      watch.askNow();
      this.look();
    });
    this.player = player;
    onCameras((recovered) => {
      const camera = this.camera();
      player.expect(camera?.framerate ?? 0);
      if (recovered) {
        player.retryNow();
      }
      // After the server was away, and when it sees nobody watching, the stream on this page may be an old one.
      if (recovered || camera?.state === 'idle') {
        player.checkNow();
      }
      player.describe(t.liveFrom(camera?.name ?? t.camera));
      this.fit(sink);
      this.look();
    }, signal);
    let wokeBefore = woke.peek();
    const stir = effect(() => {
      if (woke.value !== wokeBefore) {
        wokeBefore = woke.value;
        player.retryNow();
        player.checkNow();
      }
    });
    const tick = setInterval(() => { this.look(); }, TICK_MS);
    let settle: ReturnType<typeof setTimeout> | undefined;
    const sizes = new ResizeObserver(() => {
      clearTimeout(settle);
      settle = setTimeout(() => { this.fit(sink); }, SETTLE_MS);
    });
    if (sink.kind === 'page') {
      sizes.observe(sink.host);
    }
    let playing: AbortController | null = null;
    player.describe(t.liveFrom(this.camera()?.name ?? t.camera));
    const follow = effect(() => {
      // Without an id there is no camera to show, only something to say.
      const isPlaying = isAwake.value && this.isWanted.value;
      if (isPlaying && playing === null && this.id !== '') {
        this.fit(sink);
        playing = childOf(signal);
        const stream = addressOf('GET', '/api/v1/cameras/{id}/stream', { path: { id: this.id } });
        void player.play({ id: this.id, stream }, playing.signal);
      } else if (!isPlaying) {
        playing?.abort();
        playing = null;
      }
      this.look();
    });
    const choose = effect(() => {
      this.fit(sink, this.quality.value, this.magnified.value);
    });
    signal.addEventListener('abort', () => {
      clearInterval(tick);
      clearTimeout(settle);
      sizes.disconnect();
      follow();
      choose();
      stir();
      player.dispose();
      this.player = null;
    });
    this.look();
  }

  /** Asks for pictures of the size that is needed. */
  private fit(sink: Sink, quality = this.quality.peek(), magnified = this.magnified.peek()): void {
    if (sink.kind === 'frames') {
      this.player?.wish(sink.width_px === null ? {} : { width: sink.width_px });
      return;
    }
    const { host } = sink;
    const density = Math.min(devicePixelRatio, MOST_DENSITY) * magnified;
    const source_px = this.camera()?.width_px ?? null;
    this.asked_px = widthFor(quality, host.clientWidth * density, source_px, this.asked_px);
    this.player?.wish({
      ...(this.asked_px === undefined ? {} : { width: this.asked_px }),
      ...(quality === 'full' ? { adapt: false } : {}),
    });
  }

  private look(): void {
    const { player } = this;
    if (player === null) {
      return;
    }
    const now_ms = Date.now();
    this.now_ms.value = now_ms;
    const camera = this.camera();
    const failure = this.believedFailure(player);
    const age_ms = this.pictureAge(player, camera, now_ms);
    const { state } = player;
    this.situation.value = situation({
      paused: !isAwake.peek(),
      player: state,
      camera: camera === null ? null : translated(camera, t.causes),
      answered: watch.latest !== null,
      failure,
      age_ms,
      isPlaceholder: player.shown?.isPlaceholder ?? null,
    });
    // What stands in for a picture is none, however new.
    this.age_ms.value = player.shown?.isPlaceholder === true ? null : age_ms;
    this.shown.value = player.shown;
    this.hasPicture.value = player.hasPicture;
    this.count(now_ms, player.shown?.lost ?? 0);
    this.retryAt_ms.value = state.kind === 'waiting' ? state.retryAt_ms : failure === null ? null : watch.nextAt_ms;
  }

  private count(now_ms: number, lost: number): void {
    this.losses = [...this.losses.filter(({ at_ms }) => now_ms - at_ms < LATELY_MS), { at_ms: now_ms, lost }];
    this.lostLately.value = lost - (this.losses[0]?.lost ?? lost);
  }

  /** One lost answer while the picture runs is no reason to alarm anybody. */
  private believedFailure(player: LivePlayer): Failure | null {
    return watch.failuresInARow > 1 || player.state.kind !== 'playing' ? watch.failure : null;
  }

  /** Pictures of a socket know their age. Otherwise the server knows it, while a stream runs. */
  private pictureAge(player: LivePlayer, camera: Camera | null, now_ms: number): number | null {
    const known_ms = player.age_ms();
    if (known_ms !== null || player.state.kind !== 'playing') {
      return known_ms;
    }
    const age_ms = camera?.newest_frame_age_ms ?? null;
    if (age_ms === null) {
      return null;
    }
    const silent_ms = now_ms - watch.answeredAt_ms;
    const served_ms = age_ms + (silent_ms > ANSWER_FRESH_MS ? silent_ms : 0);
    // The newest frame at the server is not the one on this screen when the connection in between is dead.
    return Math.max(served_ms, player.still_ms(now_ms) ?? 0);
  }
}

/** A screen for as long as this is drawn; `host` is the element that the picture goes into. */
export function useScreen(id: string): { screen: Screen; host: RefObject<HTMLDivElement | null> } {
  const host = useRef<HTMLDivElement>(null);
  const screen = useMemo(() => new Screen(id), [id]);
  useEffect(() => {
    const stop = new AbortController();
    if (host.current !== null) {
      screen.open({ kind: 'page', host: host.current }, stop.signal);
    }
    return () => { stop.abort(); };
  }, [screen]);
  return { screen, host };
}
