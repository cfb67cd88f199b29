// The part of the page that needs three.js, and is loaded on its own: stage, pictures, and the world that is shown.

import { Vector3 } from 'three';

import { element } from '../ui/dom.ts';
import { type Piece, getBytes, pieceAddress } from './api.ts';
import type { Fit } from './fit.ts';
import type { Site } from './layout.ts';
import { MonitorWorld } from './monitor.ts';
import { LivePicture } from './picture.ts';
import { type SiteEvents, SiteWorld } from './site.ts';
import { Stage } from './stage.ts';
import type { SceneWords } from './words.ts';

export type Mode = 'monitor' | 'site';

const STANDARD = { model: 'models/cube_with_screen.glb', background: 'textures/background.hdr' } as const;
/** Names of nodes that are told before the rest is only counted. */
const TOLD_NODES = 12;

/** The GPU's objects, counted: what stays must not grow. */
export type Memory = { readonly geometries: number; readonly textures: number; readonly programs: number };

export interface ViewEvents extends SiteEvents {
  lost(): void;
}

export class View {
  private readonly stage: Stage;
  private readonly pictures = new Map<string, LivePicture>();
  private monitor: MonitorWorld | null = null;
  private site: SiteWorld | null = null;
  private current: string | null = null;
  private fit: Fit = 'contain';
  private doubts: ReadonlyMap<string, boolean> = new Map();
  private readonly over = new AbortController();
  /** Where names stand, above the canvas. */
  private readonly labels: HTMLElement;

  /** Throws where there is no WebGL. */
  constructor(
    host: HTMLElement,
    private readonly t: SceneWords,
    private readonly events: ViewEvents,
  ) {
    this.stage = new Stage(host, events);
    this.labels = element('labels', HTMLDivElement);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const theme = (): void => {
      this.stage.scene.backgroundIntensity = dark.matches ? 0.16 : 1;
      this.stage.scene.environmentIntensity = dark.matches ? 0.62 : 1;
      this.stage.invalidate();
    };
    dark.addEventListener('change', theme, { signal: this.over.signal });
    theme();
  }

  /** Sentences to tell; none if all went well. Rejects if not even the standard scene could be had. */
  async showMonitor(pieces: readonly Piece[], signal: AbortSignal): Promise<string[]> {
    this.leave();
    const said = await this.light(pieces, signal);
    const own = await this.ownModel(pieces, signal, said);
    const world = own ?? (await this.standardModel(signal));
    if (signal.aborted) {
      world.dispose();
      return [];
    }
    this.monitor = world;
    this.refresh();
    return said;
  }

  async showSite(pieces: readonly Piece[], site: Site, signal: AbortSignal): Promise<string[]> {
    this.leave();
    const said = await this.light(pieces, signal);
    if (signal.aborted) {
      return [];
    }
    this.site = new SiteWorld(this.stage, this.labels, this.t, this.events);
    said.push(...(await this.site.show(site, pieces, signal)));
    this.refresh();
    return said;
  }

  /** Changes of the layout while somebody works on it. */
  async changeSite(site: Site, pieces: readonly Piece[], signal: AbortSignal): Promise<string[]> {
    const said = (await this.site?.show(site, pieces, signal)) ?? [];
    this.refresh();
    return said;
  }

  /** Which camera has handles to be moved with, and by which. */
  select(camera: string | null, by: 'translate' | 'rotate'): void {
    this.site?.select(camera, by);
  }

  /** Takes the bitmap over. */
  frame(camera: string, bitmap: ImageBitmap): void {
    let picture = this.pictures.get(camera);
    if (picture === undefined) {
      picture = new LivePicture(this.stage.anisotropy);
      this.pictures.set(camera, picture);
    }
    const isOther = picture.show(bitmap);
    if (isOther || picture.frames === 1) {
      this.refresh();
    }
    this.stage.invalidate();
  }

  /** Which camera the monitor shows, how, and which pictures nobody vouches for. */
  tell(current: string | null, fit: Fit, doubts: ReadonlyMap<string, boolean>, labels: ReadonlyMap<string, readonly [string, string]>): void {
    const key = (c: string | null, f: Fit, d: ReadonlyMap<string, boolean>): string => JSON.stringify([c, f, [...d]]);
    const isNew = key(this.current, this.fit, this.doubts) !== key(current, fit, doubts);
    this.site?.label(labels);
    this.current = current;
    this.fit = fit;
    this.doubts = doubts;
    if (isNew) {
      this.refresh();
    }
  }

  describe(text: string): void {
    this.stage.canvas.setAttribute('role', 'img');
    if (this.stage.canvas.getAttribute('aria-label') !== text) {
      this.stage.canvas.setAttribute('aria-label', text);
    }
  }

  front(): void {
    this.monitor?.front();
    this.site?.overview();
  }

  flyTo(camera: string): void {
    this.site?.flyTo(camera);
  }

  /** For tests and for reports of what went wrong. */
  inspect(): { draws: number; frames: number; memory: Memory; places: { x: number; y: number }[] } {
    const { memory, programs } = this.stage.renderer.info;
    const points = this.monitor?.places() ?? this.site?.places() ?? [];
    return {
      draws: this.stage.draws,
      frames: [...this.pictures.values()].reduce((sum, picture) => sum + picture.frames, 0),
      memory: { geometries: memory.geometries, textures: memory.textures, programs: programs?.length ?? 0 },
      places: points.map((point: Vector3) => this.stage.place(point) ?? { x: -1, y: -1 }),
    };
  }

  /** What is left on the GPU after everything was given back: nothing. */
  dispose(): Memory {
    this.over.abort();
    this.leave();
    for (const picture of this.pictures.values()) {
      picture.dispose();
    }
    this.pictures.clear();
    const { info } = this.stage.renderer;
    this.stage.dispose();
    return {
      geometries: info.memory.geometries,
      textures: info.memory.textures,
      programs: info.programs?.length ?? 0,
    };
  }

  private refresh(): void {
    const doubtful = (camera: string): boolean => this.doubts.get(camera) ?? true;
    if (this.current !== null) {
      this.monitor?.show(this.pictures.get(this.current) ?? null, this.fit, doubtful(this.current));
    }
    this.site?.pictures(this.pictures, doubtful);
    this.stage.invalidate();
  }

  private leave(): void {
    this.monitor?.dispose();
    this.monitor = null;
    this.site?.dispose();
    this.site = null;
  }

  private async light(pieces: readonly Piece[], signal: AbortSignal): Promise<string[]> {
    const shown = { blur: 0.42, brightness: this.stage.scene.backgroundIntensity };
    const own = pieces.find(({ name }) => name === 'background');
    if (own !== undefined) {
      try {
        this.stage.light(await bytesOf(pieceAddress(own), signal), { ...shown, blur: 0 });
        return [];
      } catch {
        // Told below, with the standard one in its place.
      }
    }
    const bytes = await bytesOf(STANDARD.background, signal);
    if (!signal.aborted) {
      this.stage.light(bytes, shown);
    }
    return own === undefined || signal.aborted ? [] : [this.t.brokenBackground];
  }

  private async ownModel(pieces: readonly Piece[], signal: AbortSignal, said: string[]): Promise<MonitorWorld | null> {
    const own = pieces.find(({ name }) => name === 'model');
    if (own === undefined) {
      return null;
    }
    let bytes: ArrayBuffer;
    try {
      bytes = await bytesOf(pieceAddress(own), signal);
    } catch {
      said.push(this.t.brokenModel);
      return null;
    }
    const loaded = await MonitorWorld.load(this.stage, bytes, signal);
    switch (loaded.kind) {
      case 'ok':
        return loaded.world;
      case 'broken':
        said.push(this.t.brokenModel);
        return null;
      case 'no_screen':
        said.push(this.t.noScreen(this.told(loaded.names)));
        return null;
      default:
        return loaded satisfies never;
    }
  }

  private told(names: readonly string[]): string {
    if (names.length === 0) {
      return this.t.noNodes;
    }
    const rest = names.length - TOLD_NODES;
    const told = names.slice(0, TOLD_NODES).map((name) => name.slice(0, 40));
    return [...told, ...(rest > 0 ? [this.t.andMore(rest)] : [])].join(', ');
  }

  private async standardModel(signal: AbortSignal): Promise<MonitorWorld> {
    const loaded = await MonitorWorld.load(this.stage, await bytesOf(STANDARD.model, signal), signal);
    if (loaded.kind !== 'ok') {
      throw new Error('the standard monitor cannot be shown');
    }
    return loaded.world;
  }
}

/** Rejects if there are none. */
export async function bytesOf(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const answer = await getBytes(url, signal);
  if (answer.kind !== 'ok') {
    throw new Error(answer.kind);
  }
  return answer.value;
}
