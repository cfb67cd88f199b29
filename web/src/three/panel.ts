// Set up: what an administrator brings to the scene, and where the cameras stand on the site.

import type { Camera, Outcome } from '../api/types.ts';
import { element, say } from '../ui/dom.ts';
import { type Piece, type PieceName, putPiece, putSite, removePiece } from './api.ts';
import { BOUNDS, clamped, FAR_M, firstPlace, type Ground, type Placed, type Site, without, withPlaced } from './layout.ts';
import type { Mode } from './view.ts';
import type { SceneWords } from './words.ts';

export interface PanelEvents {
  cameras(): readonly Camera[];
  pieces(): readonly Piece[];
  /** The layout is another one, not saved yet or just saved. */
  changed(site: Site): void;
  /** A file is there or gone; resolves when the scene has it. */
  brought(): Promise<void>;
  selected(camera: string | null, by: 'translate' | 'rotate'): void;
  closed(): void;
}

type Brought = { readonly name: PieceName; readonly title: keyof SceneWords & ('model' | 'background' | 'house' | 'plan'); readonly hint: 'modelHint' | 'backgroundHint' | 'houseHint' | 'planHint'; readonly accept: string; readonly most_mb: number };

const PIECES: Readonly<Record<Mode, readonly Brought[]>> = {
  monitor: [
    { name: 'model', title: 'model', hint: 'modelHint', accept: '.glb,model/gltf-binary', most_mb: 32 },
    { name: 'background', title: 'background', hint: 'backgroundHint', accept: '.hdr', most_mb: 16 },
  ],
  site: [
    { name: 'plan', title: 'plan', hint: 'planHint', accept: 'image/png,image/jpeg', most_mb: 8 },
    { name: 'house', title: 'house', hint: 'houseHint', accept: '.glb,model/gltf-binary', most_mb: 32 },
  ],
};

export class Panel {
  private readonly place = element('panel', HTMLElement);
  private mode: Mode = 'monitor';
  private chosen: string | null = null;
  private by: 'translate' | 'rotate' = 'translate';
  private isSaved = true;
  private readonly outcomes = new Map<string, readonly [string, 'good' | 'bad' | 'busy']>();
  site: Site | null = null;

  constructor(
    private readonly t: SceneWords,
    private readonly events: PanelEvents,
    private readonly signal: AbortSignal,
  ) {
    this.place.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        this.events.closed();
      }
    }, { signal });
    this.place.setAttribute('aria-label', t.setUp);
  }

  get isOpen(): boolean {
    return !this.place.hidden;
  }

  open(mode: Mode): void {
    this.mode = mode;
    this.place.hidden = false;
    this.build();
    this.place.querySelector('button')?.focus();
    this.tellSelected();
  }

  close(): void {
    if (!this.isOpen) {
      return;
    }
    this.place.hidden = true;
    this.place.replaceChildren();
    this.events.selected(null, this.by);
    element('set-up', HTMLButtonElement).focus();
  }

  /** The layout as the server has it. Gives back what to show: work that is not saved stays. */
  load(site: Site): Site {
    if (this.site !== null && !this.isSaved) {
      return this.site;
    }
    this.site = site;
    this.isSaved = true;
    this.outcomes.clear();
    if (this.isOpen) {
      this.build();
    }
    return site;
  }

  choose(camera: string): void {
    if (this.isOpen && this.mode === 'site' && camera !== this.chosen) {
      this.chosen = camera;
      this.build();
      this.tellSelected();
    }
  }

  /** Somebody used the handles. */
  moved(placed: Placed): void {
    if (this.site === null) {
      return;
    }
    this.site = withPlaced(this.site, placed);
    this.unsaved();
    const values: Readonly<Record<string, number>> = {
      x: placed.at_m[0], y: placed.at_m[1], z: placed.at_m[2],
      yaw_deg: placed.yaw_deg, pitch_deg: placed.pitch_deg, roll_deg: placed.roll_deg,
    };
    for (const [key, value] of Object.entries(values)) {
      const field = this.place.querySelector(`[data-key="${key}"]`);
      if (field instanceof HTMLInputElement) {
        field.value = String(value);
      }
    }
  }

  private tellSelected(): void {
    const isPlaced = this.site?.cameras.some(({ camera }) => camera === this.chosen) ?? false;
    this.events.selected(this.mode === 'site' && isPlaced ? this.chosen : null, this.by);
  }

  private build(): void {
    const close = button(this.t.close, () => { this.events.closed(); });
    const title = made('h2', '', this.t.setUp);
    const parts: HTMLElement[] = [box('panel-head', title, close)];
    if (this.mode === 'site') {
      parts.push(this.camerasPart(), this.groundPart());
    }
    parts.push(...PIECES[this.mode].map((piece) => this.piecePart(piece)));
    const scrolled = this.place.scrollTop;
    this.place.replaceChildren(...parts);
    this.place.scrollTop = scrolled;
  }

  private piecePart(piece: Brought): HTMLElement {
    const own = this.events.pieces().find(({ name }) => name === piece.name);
    const hasDefault = this.mode === 'monitor';
    const none = hasDefault ? this.t.standard : this.t.nothing;
    const what = own === undefined ? none : this.t.own((own.bytes / 1e6).toFixed(1));
    const file = made('input', '');
    file.type = 'file';
    file.accept = piece.accept;
    file.setAttribute('aria-label', `${this.t[piece.title]}: ${this.t.choose}`);
    file.addEventListener('change', () => {
      const chosen = file.files?.[0];
      if (chosen !== undefined) {
        void this.bring(piece, chosen);
      }
    }, { signal: this.signal });
    const choose = box('tool file', made('span', '', this.t.choose), file);
    const row = box('row', choose);
    if (own !== undefined) {
      row.append(button(hasDefault ? this.t.backToDefault : this.t.takeAway, () => { void this.takeAway(piece); }));
    }
    const part = made('section', '');
    part.dataset.piece = piece.name;
    part.append(
      made('h3', '', this.t[piece.title]),
      made('p', 'hint', `${what}. ${this.t[piece.hint]}`),
      row,
      this.outcome(piece.name),
    );
    return part;
  }

  private outcome(of: string): HTMLElement {
    const [text, tone] = this.outcomes.get(of) ?? ['', 'busy'];
    const place = made('p', 'outcome', text);
    place.setAttribute('role', 'status');
    place.dataset.tone = tone;
    place.dataset.of = of;
    return place;
  }

  private say(of: string, text: string, tone: 'good' | 'bad' | 'busy'): void {
    this.outcomes.set(of, [text, tone]);
    const place = this.place.querySelector(`.outcome[data-of="${of}"]`);
    if (place instanceof HTMLElement) {
      say(place, text);
      place.dataset.tone = tone;
    }
  }

  private async bring(piece: Brought, file: File): Promise<void> {
    // Asked here as well, so that nobody waits for a refusal.
    if (file.size > piece.most_mb * 1024 * 1024) {
      this.say(piece.name, this.t.tooLarge(piece.most_mb), 'bad');
      return;
    }
    this.say(piece.name, this.t.uploading, 'busy');
    await this.settle(piece.name, await putPiece(piece.name, file, this.signal));
  }

  private async takeAway(piece: Brought): Promise<void> {
    await this.settle(piece.name, await removePiece(piece.name, this.signal));
  }

  private async settle(name: PieceName, answer: Outcome<null>): Promise<void> {
    if (answer.kind === 'ok') {
      this.outcomes.set(name, [this.t.uploaded, 'good']);
      if (this.site !== null && (name === 'plan' || name === 'house') && this.site.ground.kind === 'grid') {
        this.change({ ...this.site, ground: { ...this.site.ground, kind: name } });
      }
      await this.events.brought();
      if (this.isOpen) {
        this.build();
      }
    } else if (answer.kind === 'failed') {
      this.say(name, 'detail' in answer.failure && answer.failure.detail !== '' ? answer.failure.detail : this.t.uploadFailed, 'bad');
    }
  }

  // The site

  private change(site: Site): void {
    this.site = site;
    this.unsaved();
    this.events.changed(site);
  }

  private unsaved(): void {
    this.isSaved = false;
    this.say('site', this.t.unsaved, 'busy');
    const save = this.place.querySelector('[data-save]');
    if (save instanceof HTMLButtonElement) {
      save.disabled = false;
    }
  }

  private async save(): Promise<void> {
    if (this.site === null) {
      return;
    }
    const answer = await putSite(this.site, this.signal);
    if (answer.kind === 'ok') {
      this.site = answer.value;
      this.isSaved = true;
      this.outcomes.set('site', [this.t.saved, 'good']);
      this.events.changed(answer.value);
      if (this.isOpen) {
        this.build();
        this.place.querySelector<HTMLElement>('[data-chosen]')?.focus();
      }
    } else if (answer.kind === 'failed') {
      const detail = 'detail' in answer.failure ? answer.failure.detail : '';
      this.say('site', [this.t.saveFailed, detail].join(' ').trim(), 'bad');
    }
  }

  private camerasPart(): HTMLElement {
    const part = made('section', '');
    const cameras = this.events.cameras();
    this.chosen ??= cameras[0]?.id ?? null;
    const list = made('select', '');
    list.dataset.chosen = '';
    list.setAttribute('aria-label', this.t.cameras);
    list.append(...cameras.map(({ id, name }) => new Option(name, id, false, id === this.chosen)));
    list.addEventListener('change', () => {
      this.chosen = list.value;
      this.build();
      this.tellSelected();
    }, { signal: this.signal });
    part.append(made('h3', '', this.t.cameras), list);
    const placed = this.site?.cameras.find(({ camera }) => camera === this.chosen);
    if (placed === undefined) {
      part.append(box('row', button(this.t.place, () => { this.placeChosen(); }, 'main')));
    } else {
      part.append(...this.placedFields(placed));
    }
    const save = button(this.t.save, () => { void this.save(); }, 'main');
    save.dataset.save = '';
    save.disabled = this.isSaved;
    part.append(box('row', save), this.outcome('site'));
    return part;
  }

  private placeChosen(): void {
    if (this.site === null || this.chosen === null) {
      return;
    }
    this.change(withPlaced(this.site, firstPlace(this.chosen, this.site.cameras.length)));
    this.build();
    this.tellSelected();
  }

  private placedFields(placed: Placed): HTMLElement[] {
    const set = (change: Partial<Placed>): void => {
      const now = this.site?.cameras.find(({ camera }) => camera === placed.camera);
      if (this.site !== null && now !== undefined) {
        this.change(withPlaced(this.site, { ...now, ...change }));
      }
    };
    const kind = made('select', '');
    kind.append(
      new Option(this.t.screen, 'screen', false, placed.kind === 'screen'),
      new Option(this.t.frustum, 'frustum', false, placed.kind === 'frustum'),
    );
    kind.addEventListener('change', () => {
      set({ kind: kind.value === 'frustum' ? 'frustum' : 'screen' });
      this.build();
      this.tellSelected();
    }, { signal: this.signal });
    const metre = (axis: 0 | 1 | 2, key: 'x' | 'y' | 'z'): HTMLElement =>
      this.field(this.t[key], key, placed.at_m[axis], [-FAR_M, FAR_M, 0.1], (value) => {
        const now = this.site?.cameras.find(({ camera }) => camera === placed.camera)?.at_m ?? placed.at_m;
        const at_m: [number, number, number] = [...now];
        at_m[axis] = value;
        set({ at_m });
      });
    const number = (key: keyof typeof BOUNDS, word: string): HTMLElement =>
      this.field(word, key, placed[key], BOUNDS[key], (value) => { set({ [key]: value }); });
    const sizes = placed.kind === 'screen'
      ? [number('width_m', this.t.width)]
      : [number('angle_deg', this.t.angle), number('reach_m', this.t.reach)];
    const pressed = (word: string, by: 'translate' | 'rotate'): HTMLButtonElement => {
      const press = button(word, () => {
        this.by = by;
        this.build();
        this.tellSelected();
      });
      press.setAttribute('aria-pressed', String(this.by === by));
      return press;
    };
    return [
      labelled(this.t.shownAs, kind),
      box('row', pressed(this.t.move, 'translate'), pressed(this.t.rotate, 'rotate'), button(this.t.remove, () => {
        if (this.site !== null) {
          this.change(without(this.site, placed.camera));
          this.build();
          this.tellSelected();
        }
      })),
      box('grid', metre(0, 'x'), metre(1, 'y'), metre(2, 'z'),
        number('yaw_deg', this.t.yaw), number('pitch_deg', this.t.pitch), number('roll_deg', this.t.roll), ...sizes),
    ];
  }

  private groundPart(): HTMLElement {
    const part = made('section', '');
    const ground = this.site?.ground;
    part.append(made('h3', '', this.t.ground));
    if (ground === undefined) {
      return part;
    }
    const set = (change: Partial<Ground>): void => {
      if (this.site !== null) {
        this.change({ ...this.site, ground: { ...this.site.ground, ...change } });
      }
    };
    const kind = made('select', '');
    kind.setAttribute('aria-label', this.t.ground);
    const has = (name: PieceName): boolean => this.events.pieces().some((piece) => piece.name === name);
    for (const [value, word] of [['grid', this.t.grid], ['plan', this.t.plan], ['house', this.t.house]] as const) {
      const option = new Option(word, value, false, ground.kind === value);
      option.disabled = value !== 'grid' && value !== ground.kind && !has(value);
      kind.append(option);
    }
    kind.addEventListener('change', () => {
      const value = (['grid', 'plan', 'house'] as const).find((known) => known === kind.value) ?? 'grid';
      set({ kind: value });
      this.build();
    }, { signal: this.signal });
    part.append(kind);
    if (ground.kind !== 'grid') {
      const size = ground.kind === 'plan'
        ? this.field(this.t.planWidth, 'width', ground.width_m, [0.5, FAR_M, 0.5], (width_m) => { set({ width_m }); })
        : this.field(this.t.scale, 'scale', ground.scale, [0.0001, FAR_M, 0.1], (scale) => { set({ scale }); });
      part.append(box('grid', size, this.field(this.t.turn, 'turn', ground.turn_deg, [-360, 360, 5], (turn_deg) => { set({ turn_deg }); })));
    }
    return part;
  }

  private field(
    word: string,
    key: string,
    value: number,
    [least, most, step]: readonly [number, number, number],
    changed: (value: number) => void,
  ): HTMLElement {
    const input = made('input', '');
    input.type = 'number';
    input.dataset.key = key;
    input.min = String(least);
    input.max = String(most);
    input.step = String(step);
    input.value = String(value);
    input.addEventListener('input', () => {
      // What is half typed is no number yet.
      if (input.value.trim() !== '' && Number.isFinite(input.valueAsNumber)) {
        changed(clamped(input.valueAsNumber, least, most));
      }
    }, { signal: this.signal });
    return labelled(word, input);
  }
}

function made<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') {
    element.className = className;
  }
  if (text !== '') {
    element.textContent = text;
  }
  return element;
}

function box(className: string, ...children: HTMLElement[]): HTMLElement {
  const element = made('div', className);
  element.append(...children);
  return element;
}

function button(word: string, pressed: () => void, more = ''): HTMLButtonElement {
  const element = made('button', `tool ${more}`.trim(), word);
  element.type = 'button';
  element.addEventListener('click', pressed);
  return element;
}

function labelled(word: string, input: HTMLElement): HTMLElement {
  const label = made('label', 'field');
  label.append(made('span', '', word), input);
  return label;
}
