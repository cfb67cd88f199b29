// The live page: one camera, its picture and the truth about it.

import { childOf } from '../api/abort.ts';
import type { Camera } from '../api/types.ts';
import { CamerasWatch } from '../api/watch.ts';
import { duration } from '../i18n/duration.ts';
import { translated } from '../i18n/causes.ts';
import type { Messages } from '../i18n/messages.ts';
import { MjpegPlayer } from '../player/mjpeg.ts';
import { Picture } from '../player/picture.ts';
import { Chooser } from './chooser.ts';
import { element, say } from './dom.ts';
import { FullScreen } from './fullscreen.ts';
import { situation, type Situation } from './situation.ts';
import { Snapshot } from './snapshot.ts';
import { wording, type Wording } from './wording.ts';

/** A tab out of sight keeps its place this long: switching back and forth costs nothing. */
const HIDDEN_GRACE_MS = 10_000;
/** Answers come every two seconds; an older one no longer says how old the picture is now. */
const ANSWER_FRESH_MS = 3_000;
const TICK_MS = 1_000;

export class LivePage {
  private readonly frame = element('frame', HTMLDivElement);
  private readonly state = element('state', HTMLParagraphElement);
  private readonly stateWord = element('state-word', HTMLSpanElement);
  private readonly notice = element('notice', HTMLDivElement);
  private readonly noticeTitle = element('notice-title', HTMLParagraphElement);
  private readonly noticeDetail = element('notice-detail', HTMLParagraphElement);
  private readonly noticeRetry = element('notice-retry', HTMLParagraphElement);
  private readonly age = element('age', HTMLLIElement);
  private readonly format = element('format', HTMLLIElement);
  private readonly viewers = element('viewers', HTMLLIElement);
  private readonly three = element('three', HTMLAnchorElement);
  private readonly announce = element('announce', HTMLParagraphElement);

  private readonly picture = new Picture(this.frame, element('held', HTMLCanvasElement));
  private readonly player: MjpegPlayer;
  private readonly watch: CamerasWatch;
  private readonly chooser: Chooser;
  private readonly snapshot: Snapshot;
  private announced: Situation['kind'] | null = null;
  private playing: { readonly url: string; readonly stop: AbortController } | null = null;
  private watching: AbortController | null = null;

  constructor(
    private readonly t: Messages,
    private wanted: string | null,
    private readonly signal: AbortSignal,
  ) {
    this.player = new MjpegPlayer(
      this.picture,
      () => {
        // What the server says of the camera has most likely changed with it.
        this.watch.askNow();
        this.render();
      },
    );
    this.watch = new CamerasWatch((recovered) => {
      const camera = this.camera();
      this.player.expect(camera?.framerate ?? 0);
      if (recovered) {
        this.player.retryNow();
      }
      // After the server was away, and when it sees nobody watching, the stream on this page may be an old one.
      if (recovered || camera?.state === 'idle') {
        this.player.checkNow();
      }
      this.follow();
      this.render();
    });
    this.chooser = new Chooser(t.camera, (id) => { this.choose(id); });
    this.snapshot = new Snapshot(t, signal);
    new FullScreen(t);
  }

  run(): void {
    let hiding: ReturnType<typeof setTimeout> | undefined;
    const options = { signal: this.signal };
    const look = (): void => {
      clearTimeout(hiding);
      if (document.visibilityState === 'visible') {
        this.start();
      } else {
        hiding = setTimeout(() => { this.stop(); }, HIDDEN_GRACE_MS);
      }
    };
    document.addEventListener('visibilitychange', look, options);
    // A page kept for the back button must not keep its place at the camera.
    window.addEventListener('pagehide', () => { this.stop(); }, options);
    window.addEventListener('pageshow', () => { this.start(); }, options);
    window.addEventListener('online', () => {
      this.watch.askNow();
      this.player.retryNow();
    }, options);
    setInterval(() => { this.render(); }, TICK_MS);
    this.start();
    look();
  }

  private start(): void {
    if (this.watching !== null) {
      return;
    }
    this.watching = childOf(this.signal);
    void this.watch.run(this.watching.signal);
    this.follow();
    this.render();
  }

  private stop(): void {
    this.watching?.abort();
    this.watching = null;
    this.playing?.stop.abort();
    this.playing = null;
  }

  /** Sees to it that the stream of the wanted camera is the one that plays. */
  private follow(): void {
    if (this.watching === null) {
      return;
    }
    const url = this.streamUrl();
    if (url === null || url === this.playing?.url) {
      return;
    }
    if (this.playing !== null) {
      this.playing.stop.abort();
      this.picture.clear();
    }
    const stop = childOf(this.watching.signal);
    this.playing = { url, stop };
    void this.player.play(url, stop.signal);
  }

  /** The first camera has an address of its own, so its picture need not wait for the first answer. */
  private streamUrl(): string | null {
    const camera = this.camera();
    if (camera === null) {
      return this.wanted === null ? 'stream' : null;
    }
    return camera === this.watch.latest?.cameras[0] ? 'stream' : camera.stream;
  }

  private camera(): Camera | null {
    const cameras = this.watch.latest?.cameras ?? [];
    return cameras.find((camera) => camera.id === this.wanted) ?? cameras[0] ?? null;
  }

  private choose(id: string): void {
    this.wanted = id;
    const address = new URL(location.href);
    address.searchParams.set('camera', id);
    history.replaceState(null, '', address);
    this.follow();
    this.render();
  }

  private render(): void {
    const now_ms = Date.now();
    const camera = this.camera();
    const known = {
      paused: this.watching === null,
      player: this.player.state,
      camera: camera === null ? null : translated(camera, this.t.causes),
      answered: this.watch.latest !== null,
      failure: this.believedFailure(),
      age_ms: this.pictureAge(camera, now_ms),
    };
    const current = situation(known);
    const words = wording(current, this.t);
    this.chooser.render(this.watch.latest?.cameras ?? [], camera);
    this.snapshot.of(camera);
    this.three.setAttribute('href', camera === null ? 'three.html' : `three.html?camera=${encodeURIComponent(camera.id)}`);
    this.picture.describe(this.t.liveFrom(camera?.name ?? this.t.camera));
    this.renderState(current, words, now_ms);
    this.renderFacts(camera, known.age_ms);
    document.title = camera === null ? 'my-cctv-server' : `${camera.name} · ${words.title}`;
    if (camera?.width_px && camera.height_px) {
      document.documentElement.style.setProperty('--ratio', String(camera.width_px / camera.height_px));
    }
  }

  /** One lost answer while the picture runs is no reason to alarm anybody. */
  private believedFailure(): CamerasWatch['failure'] {
    return this.watch.failuresInARow > 1 || this.player.state.kind !== 'playing' ? this.watch.failure : null;
  }

  /** While a stream runs the server knows its age; afterwards the held picture grows older by itself. */
  private pictureAge(camera: Camera | null, now_ms: number): number | null {
    if (this.player.state.kind !== 'playing') {
      return this.picture.heldAt_ms === null ? null : now_ms - this.picture.heldAt_ms;
    }
    const age_ms = camera?.newest_frame_age_ms ?? null;
    if (age_ms === null) {
      return null;
    }
    const silent_ms = now_ms - this.watch.answeredAt_ms;
    const served_ms = age_ms + (silent_ms > ANSWER_FRESH_MS ? silent_ms : 0);
    // The newest frame at the server is not the one on this screen when the connection in between is dead.
    return Math.max(served_ms, this.player.still_ms(now_ms) ?? 0);
  }

  private renderState(current: Situation, words: Wording, now_ms: number): void {
    say(this.stateWord, words.title);
    this.state.dataset.tone = words.tone;
    this.frame.dataset.tone = words.tone;
    this.frame.dataset.held = String(this.picture.heldAt_ms !== null);
    this.state.dataset.situation = current.kind;
    this.notice.hidden = words.tone === 'good';
    // A strip at the edge repeats nothing that the state above already says.
    say(this.noticeTitle, words.tone === 'warn' ? '' : words.title);
    say(this.noticeDetail, words.detail);
    say(this.noticeRetry, this.retryWords(now_ms));
    // Spoken once per change, not once per second.
    if (current.kind !== this.announced) {
      this.announced = current.kind;
      say(this.announce, words.detail === '' ? words.title : `${words.title}. ${words.detail}`);
    }
  }

  private retryWords(now_ms: number): string {
    const player = this.player.state;
    const at_ms = player.kind === 'waiting' ? player.retryAt_ms : this.believedFailure() && this.watch.nextAt_ms;
    if (at_ms === null) {
      return '';
    }
    const seconds = Math.ceil((at_ms - now_ms) / 1000);
    return seconds > 0 ? this.t.retryIn(seconds) : this.t.retrying;
  }

  private renderFacts(camera: Camera | null, age_ms: number | null): void {
    if (camera === null) {
      return;
    }
    say(this.age, age_ms === null ? this.t.noPicture : this.t.age(duration(age_ms, this.t)));
    const size = camera.width_px && camera.height_px ? `${camera.width_px} × ${camera.height_px}` : '';
    const rate = this.t.fps(Math.round(camera.framerate * 10) / 10);
    say(this.format, [size, rate].filter((part) => part !== '').join(' · '));
    const all = this.watch.latest;
    say(this.viewers, all === null ? '' : this.t.viewers(all.viewers, all.max_viewers));
  }
}
