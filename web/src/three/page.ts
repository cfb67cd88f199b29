// The 3D view's page: what is shown, how the pictures are, and the ways in and out. The scene itself comes with `view.ts`.

import { childOf } from '../api/abort.ts';
import type { Camera } from '../api/types.ts';
import { isAwake, needCameras, onCameras, watch } from '../app/cameras.ts';
import { enter, may } from '../app/session.ts';
import { duration } from '../i18n/duration.ts';
import type { Messages } from '../i18n/messages.ts';
import { Chooser } from './chooser.ts';
import { element, say } from '../ui/dom.ts';
import type { Screen } from '../views/live/screen.ts';
import { retryWords, type Wording, wording } from '../views/live/wording.ts';
import { getPieces, getSite, type Piece } from './api.ts';
import type { Fit } from './fit.ts';
import type { Site } from './layout.ts';
import { Panel } from './panel.ts';
import { Screens } from './screens.ts';
import type { Memory, Mode, View } from './view.ts';
import type { SceneWords } from './words.ts';

const TICK_MS = 1_000;
/** With more cameras than this on the site, each comes no wider than a screen there is. */
const FEW_CAMERAS = 2;
const SMALL_PX = 640;
/** The GPU may take the scene away so often within a minute before it is left alone. */
const MOST_LOSSES = 3;
const LOSSES_WITHIN_MS = 60_000;

export class ThreePage {
  private readonly scene = element('scene', HTMLDivElement);
  private readonly state = element('state', HTMLParagraphElement);
  private readonly stateWord = element('state-word', HTMLSpanElement);
  private readonly loading = element('loading', HTMLParagraphElement);
  private readonly note = element('note', HTMLDivElement);
  private readonly noteTitle = element('note-title', HTMLParagraphElement);
  private readonly noteDetail = element('note-detail', HTMLParagraphElement);
  private readonly noteRetry = element('note-retry', HTMLParagraphElement);
  private readonly again = element('again', HTMLButtonElement);
  private readonly said = element('said', HTMLDivElement);
  private readonly saidWord = element('said-word', HTMLParagraphElement);
  private readonly age = element('age', HTMLLIElement);
  private readonly modes = element('modes', HTMLDivElement);
  private readonly announce = element('announce', HTMLParagraphElement);
  private readonly setUp = element('set-up', HTMLButtonElement);
  private readonly fitButton = element('fit', HTMLButtonElement);

  private readonly screens: Screens;
  private readonly chooser: Chooser;
  private readonly panel: Panel;
  private mode: Mode;
  private wanted: string | null;
  private fit: Fit = 'contain';
  private site: Site | null = null;
  private pieces: readonly Piece[] = [];
  private isAdmin = false;
  private view: View | null = null;
  /** What stays on the GPU after the view was closed, for tests. */
  private left: Memory | null = null;
  private broken: { readonly title: string; readonly detail: string; readonly again: boolean } | null = null;
  private watching: AbortController | null = null;
  private showing: AbortController | null = null;
  private losses_ms: number[] = [];
  private announced = '';

  constructor(
    private readonly t: Messages,
    private readonly s: SceneWords,
    query: URLSearchParams,
    private readonly signal: AbortSignal,
  ) {
    this.wanted = query.get('camera');
    this.mode = query.get('view') === 'site' ? 'site' : 'monitor';
    this.chooser = new Chooser(t.camera, (id) => { this.choose(id); });
    this.panel = new Panel(s, {
      cameras: () => watch.latest?.cameras ?? [],
      pieces: () => this.pieces,
      changed: (site) => { void this.layout(site); },
      brought: () => this.brought(),
      selected: (camera, by) => { this.view?.select(camera, by); },
      closed: () => { this.openPanel(false); },
    }, signal);
    this.screens = new Screens(
      (camera, picture) => {
        if (this.view === null) {
          picture.close();
        } else {
          this.view.frame(camera, picture);
        }
      },
      () => { this.render(); },
      signal,
    );
    this.wire();
  }

  private wire(): void {
    const { s } = this;
    const options = { signal: this.signal };
    say(element('loading-word', HTMLSpanElement), s.loading);
    say(element('mode-monitor-word', HTMLSpanElement), s.monitor);
    say(element('mode-site-word', HTMLSpanElement), s.site);
    this.modes.setAttribute('aria-label', s.views);
    name('live-page', s.livePage);
    name('set-up', s.setUp);
    say(this.again, s.again);
    element('said-close', HTMLButtonElement).setAttribute('aria-label', s.close);
    element('said-close', HTMLButtonElement).addEventListener('click', () => { this.said.hidden = true; }, options);
    this.modes.addEventListener('change', () => {
      this.mode = element('mode-site', HTMLInputElement).checked ? 'site' : 'monitor';
      this.keepAddress();
      this.openPanel(false);
      void this.show();
    }, options);
    element(`mode-${this.mode}`, HTMLInputElement).checked = true;
    this.fitButton.addEventListener('click', () => {
      this.fit = this.fit === 'contain' ? 'cover' : 'contain';
      this.render();
    }, options);
    element('front', HTMLButtonElement).addEventListener('click', () => { this.view?.front(); }, options);
    this.setUp.addEventListener('click', () => { this.openPanel(!this.panel.isOpen); }, options);
    this.again.addEventListener('click', () => {
      this.losses_ms = [];
      this.broken = null;
      void this.open();
    }, options);
  }

  run(): void {
    const tick = setInterval(() => { this.render(); }, TICK_MS);
    // What is on the screen, in numbers: for tests, and for whoever reports that something is slow.
    Object.assign(window, { cctvThree: { inspect: () => this.view?.inspect() ?? null, left: () => this.left } });
    const enough = needCameras();
    onCameras(() => {
      this.follow();
      this.render();
    }, this.signal);
    const unfollow = isAwake.subscribe((awake) => {
      if (awake) {
        this.start();
      } else {
        this.stop();
      }
    });
    this.signal.addEventListener('abort', () => {
      clearInterval(tick);
      unfollow();
      enough();
    });
  }

  private start(): void {
    if (this.watching !== null) {
      return;
    }
    this.watching = childOf(this.signal);
    void this.open();
    this.render();
  }

  /** Out of sight: no pictures are fetched and nothing is kept on the GPU. */
  private stop(): void {
    this.watching?.abort();
    this.watching = null;
    this.screens.stop();
    this.close();
    this.render();
  }

  private close(): void {
    this.showing?.abort();
    this.showing = null;
    if (this.view !== null) {
      this.left = this.view.dispose();
      this.view = null;
    }
  }

  private async open(): Promise<void> {
    const watching = this.watching;
    if (watching === null || this.view !== null) {
      return;
    }
    this.loading.hidden = false;
    const [{ View }, isIn] = await Promise.all([import('./view.ts'), enter(watching.signal)]);
    if (watching.signal.aborted || !isIn) {
      return;
    }
    this.isAdmin = may('configure');
    this.setUp.hidden = !this.isAdmin;
    // Another call may have been faster.
    if (this.hasView()) {
      return;
    }
    try {
      this.view = new View(this.scene, this.s, {
        lost: () => { this.lost(); },
        chosen: (camera) => { this.choose(camera); },
        moved: (placed) => { this.panel.moved(placed); },
      });
    } catch {
      this.broken = { title: this.s.noWebGl, detail: this.s.noWebGlDetail, again: false };
      this.loading.hidden = true;
      this.render();
      return;
    }
    await this.show();
  }

  private hasView(): boolean {
    return this.view !== null;
  }

  /** Builds what is to be seen, in the place of what was there. */
  private async show(): Promise<void> {
    const { view, watching } = this;
    if (view === null || watching === null) {
      return;
    }
    this.showing?.abort();
    const showing = childOf(watching.signal);
    this.showing = showing;
    this.loading.hidden = false;
    this.said.hidden = true;
    const pieces = await getPieces(showing.signal);
    const site = this.mode === 'site' ? await getSite(showing.signal) : null;
    if (showing.signal.aborted) {
      return;
    }
    this.pieces = pieces.kind === 'ok' ? pieces.value : [];
    if (site?.kind === 'ok') {
      this.site = this.panel.load(site.value);
    }
    try {
      const said = this.mode === 'site' && this.site !== null
        ? await view.showSite(this.pieces, this.site, showing.signal)
        : await view.showMonitor(this.pieces, showing.signal);
      if (isOver(showing.signal)) {
        return;
      }
      this.broken = null;
      this.tell(said);
    } catch {
      if (isOver(showing.signal)) {
        return;
      }
      this.broken = { title: this.s.noAssets, detail: this.t.unreachableDetail, again: true };
      this.close();
    }
    this.loading.hidden = true;
    this.follow();
    this.render();
  }

  private tell(sentences: readonly string[]): void {
    say(this.saidWord, sentences.join(' '));
    this.said.hidden = sentences.length === 0;
  }

  private lost(): void {
    const now_ms = Date.now();
    this.losses_ms = [...this.losses_ms.filter((at_ms) => now_ms - at_ms < LOSSES_WITHIN_MS), now_ms];
    this.close();
    if (this.losses_ms.length > MOST_LOSSES) {
      this.broken = { title: this.s.lost, detail: this.s.lostDetail, again: true };
      this.render();
    } else {
      void this.open();
    }
  }

  private async layout(site: Site): Promise<void> {
    this.site = site;
    const { view, showing } = this;
    if (view !== null && showing !== null && this.mode === 'site') {
      const said = await view.changeSite(site, this.pieces, showing.signal);
      if (!showing.signal.aborted && said.length > 0) {
        this.tell(said);
      }
    }
    this.follow();
    this.render();
  }

  /** Somebody brought a file, or took one away. */
  private async brought(): Promise<void> {
    if (this.mode === 'monitor') {
      await this.show();
      return;
    }
    const pieces = await getPieces(this.watching?.signal ?? this.signal);
    if (pieces.kind === 'ok') {
      this.pieces = pieces.value;
    }
    if (this.site !== null) {
      await this.layout(this.panel.site ?? this.site);
    }
  }

  private openPanel(open: boolean): void {
    if (open) {
      this.panel.open(this.mode);
    } else {
      this.panel.close();
    }
    this.setUp.setAttribute('aria-expanded', String(this.panel.isOpen));
  }

  /** Sees to it that the pictures that are wanted come, and no others. */
  private follow(): void {
    if (this.watching === null) {
      return;
    }
    const cameras = this.onScene();
    const width_px = cameras.length > FEW_CAMERAS ? SMALL_PX : null;
    this.screens.want(cameras.map(({ id }) => id), width_px, this.view !== null, this.watching.signal);
  }

  private onScene(): readonly Camera[] {
    const all = watch.latest?.cameras ?? [];
    const current = this.camera();
    if (this.mode === 'monitor') {
      return current === null ? [] : [current];
    }
    return all.filter(({ id }) => this.site?.cameras.some(({ camera }) => camera === id));
  }

  private camera(): Camera | null {
    const cameras = watch.latest?.cameras ?? [];
    return cameras.find((camera) => camera.id === this.wanted) ?? cameras[0] ?? null;
  }

  private choose(id: string): void {
    this.wanted = id;
    this.keepAddress();
    if (this.mode === 'site') {
      this.view?.flyTo(id);
      this.panel.choose(id);
    }
    this.follow();
    this.render();
  }

  private keepAddress(): void {
    const address = new URL(location.href);
    if (this.wanted !== null) {
      address.searchParams.set('camera', this.wanted);
    }
    if (this.mode === 'site') {
      address.searchParams.set('view', 'site');
    } else {
      address.searchParams.delete('view');
    }
    history.replaceState(null, '', address);
  }

  private render(): void {
    const camera = this.camera();
    const cameras = watch.latest?.cameras ?? [];
    this.chooser.render(cameras, camera);
    const live = element('live-page', HTMLAnchorElement);
    live.setAttribute('href', camera === null ? './' : `./#/live/${encodeURIComponent(camera.id)}`);
    const isSite = this.mode === 'site';
    this.fitButton.hidden = isSite;
    name('fit', this.fit === 'contain' ? this.s.fill : this.s.whole);
    name('front', isSite ? this.s.overview : this.s.front);

    const doubts = new Map<string, boolean>();
    const labels = new Map<string, readonly [string, string]>();
    for (const each of this.onScene()) {
      const words = wording(this.screens.of(each.id).situation.value, this.t);
      doubts.set(each.id, words.tone === 'bad' || words.tone === 'busy');
      labels.set(each.id, [words.tone === 'good' ? each.name : `${each.name} · ${words.title}`, words.tone]);
    }
    this.view?.tell(camera?.id ?? null, this.fit, doubts, labels);
    this.view?.describe(isSite ? this.s.sceneOfSite : this.s.sceneOf(camera?.name ?? this.t.camera));

    const placed = this.onScene();
    const subject = isSite && camera !== null && !placed.includes(camera) ? (placed[0] ?? null) : camera;
    this.renderState(this.screens.of(subject?.id ?? null), subject);
    document.title = camera === null ? 'my-cctv-server · 3D' : `${camera.name} · 3D`;
  }

  private renderState(screen: Screen, camera: Camera | null): void {
    const now = screen.situation.value;
    const age_ms = screen.age_ms.value;
    const words: Wording = wording(now, this.t);
    const isEmpty = this.mode === 'site' && camera === null && watch.latest !== null && watch.latest.cameras.length > 0;
    this.state.hidden = isEmpty || this.broken !== null;
    this.state.dataset.tone = words.tone;
    this.state.dataset.situation = now.kind;
    this.state.dataset.placeholder = String(screen.isPlaceholder.value);
    say(this.stateWord, words.title);
    const isShown = this.view !== null && this.loading.hidden;
    if (this.broken !== null) {
      this.notice(this.broken.title, this.broken.detail, '');
    } else if (isEmpty && isShown) {
      this.notice('', this.isAdmin ? this.s.emptySiteAdmin : this.s.emptySite, '');
      this.note.hidden = this.panel.isOpen;
    } else if (isShown && words.tone !== 'good') {
      this.notice(words.title, words.detail, retryWords(screen, this.t));
    } else {
      this.note.hidden = true;
    }
    this.note.classList.toggle('whole', this.broken !== null);
    this.again.hidden = this.broken?.again !== true;
    say(this.age, isEmpty ? '' : age_ms === null ? this.t.noPicture : this.t.age(duration(age_ms, this.t)));
    // Spoken once per change, not once per second.
    const spoken = words.detail === '' ? words.title : `${words.title}. ${words.detail}`;
    if (this.announced !== now.kind) {
      this.announced = now.kind;
      say(this.announce, spoken);
    }
  }

  private notice(title: string, detail: string, retry: string): void {
    this.note.hidden = false;
    say(this.noteTitle, title);
    say(this.noteDetail, detail);
    say(this.noteRetry, retry);
  }
}

/** Asked anew after each wait. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** A button that may have room for its icon alone. */
function name(id: string, word: string): void {
  say(element(`${id}-word`, HTMLSpanElement), word);
  element(id, HTMLElement).title = word;
}
