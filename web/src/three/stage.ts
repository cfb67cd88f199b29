// The canvas, the light, the eye and what turns it. Draws when there is something new, and then once.

import {
  Box3,
  DataTexture,
  EquirectangularReflectionMapping,
  LinearFilter,
  LinearSRGBColorSpace,
  NeutralToneMapping,
  type Object3D,
  PerspectiveCamera,
  PMREMGenerator,
  Scene,
  Spherical,
  SRGBColorSpace,
  Vector3,
  WebGLRenderer,
  type WebGLRenderTarget,
} from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { HDRLoader } from 'three/examples/jsm/loaders/HDRLoader.js';

/** More than two pixels for one of the page's cost a phone its battery and show nothing. */
const MOST_PIXEL_RATIO = 2;
const TURN_RAD = Math.PI / 24;
const FLIGHT_MS = 700;

export type Eye = { readonly from: Vector3; readonly to: Vector3 };

export interface StageEvents {
  /** The GPU took everything away. */
  lost(): void;
  /** A picture is about to be drawn. */
  drawing?(): void;
}

export class Stage {
  readonly scene = new Scene();
  readonly eye = new PerspectiveCamera(38, 1, 0.05, 2_000);
  readonly canvas = document.createElement('canvas');
  readonly renderer: WebGLRenderer;
  readonly controls: OrbitControls;
  draws = 0;
  private readonly over = new AbortController();
  private readonly sizes: ResizeObserver;
  private environment: WebGLRenderTarget | null = null;
  private next = 0;
  private flight: { readonly start: Eye; readonly end: Eye; readonly began_ms: number } | null = null;
  private frames: () => void = () => undefined;

  /** Throws where there is no WebGL. */
  constructor(
    private readonly host: HTMLElement,
    private readonly events: StageEvents,
  ) {
    this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: true, powerPreference: 'low-power' });
    this.renderer.outputColorSpace = SRGBColorSpace;
    this.renderer.toneMapping = NeutralToneMapping;
    this.canvas.tabIndex = 0;
    host.prepend(this.canvas);
    this.controls = new OrbitControls(this.eye, this.canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.addEventListener('change', this.invalidate);
    this.controls.addEventListener('start', () => { this.flight = null; });
    const { signal } = this.over;
    this.canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      this.events.lost();
    }, { signal });
    this.canvas.addEventListener('keydown', (event) => { this.key(event); }, { signal });
    this.sizes = new ResizeObserver(() => { this.resize(); });
    this.sizes.observe(host);
    // Another screen, another density.
    window.addEventListener('resize', () => { this.resize(); }, { signal });
    this.resize();
  }

  get anisotropy(): number {
    return Math.min(4, this.renderer.capabilities.getMaxAnisotropy());
  }

  /** Draws once, with the next picture of the display. */
  readonly invalidate = (): void => {
    if (this.next === 0 && !this.over.signal.aborted) {
      this.next = requestAnimationFrame((now_ms) => { this.draw(now_ms); });
    }
  };

  /** Calls this before each picture that is drawn. */
  eachDraw(call: () => void): void {
    this.frames = call;
  }

  private draw(now_ms: number): void {
    this.next = 0;
    if (this.flight !== null) {
      this.fly(now_ms);
    }
    // Says no once it has come to rest.
    if (this.controls.update() || this.flight !== null) {
      this.invalidate();
    }
    this.frames();
    this.renderer.render(this.scene, this.eye);
    this.draws += 1;
  }

  /** Lights the scene with an HDR picture; rejects if it is none. */
  light(bytes: ArrayBuffer, shown: { readonly blur: number; readonly brightness: number } | null): void {
    const parsed = new HDRLoader().parse(bytes);
    const image = new DataTexture(parsed.data, parsed.width, parsed.height, undefined, parsed.type);
    image.mapping = EquirectangularReflectionMapping;
    image.flipY = true;
    image.minFilter = image.magFilter = LinearFilter;
    image.colorSpace = LinearSRGBColorSpace;
    image.needsUpdate = true;
    const maker = new PMREMGenerator(this.renderer);
    const made = maker.fromEquirectangular(image);
    maker.dispose();
    image.dispose();
    this.environment?.dispose();
    this.environment = made;
    this.scene.environment = made.texture;
    this.scene.background = shown === null ? null : made.texture;
    this.scene.backgroundBlurriness = shown?.blur ?? 0;
    this.scene.backgroundIntensity = shown?.brightness ?? 1;
    this.invalidate();
  }

  /** Puts the eye there, or flies. */
  look(end: Eye, at_once: boolean): void {
    if (at_once || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.flight = null;
      this.eye.position.copy(end.from);
      this.controls.target.copy(end.to);
      this.controls.update();
    } else {
      const start = { from: this.eye.position.clone(), to: this.controls.target.clone() };
      this.flight = { start, end, began_ms: performance.now() };
    }
    this.invalidate();
  }

  private fly(now_ms: number): void {
    if (this.flight === null) {
      return;
    }
    const { start, end, began_ms } = this.flight;
    const t = Math.min(1, Math.max(0, (now_ms - began_ms) / FLIGHT_MS));
    const eased = t * t * (3 - 2 * t);
    this.eye.position.lerpVectors(start.from, end.from, eased);
    this.controls.target.lerpVectors(start.to, end.to, eased);
    if (t === 1) {
      this.flight = null;
    }
  }

  /** How far away all of it fits on the canvas, from this direction. */
  around(object: Object3D, direction: Vector3, margin: number): Eye {
    const box = new Box3().setFromObject(object);
    const to = box.getCenter(new Vector3());
    const size = box.getSize(new Vector3());
    const half = Math.tan((this.eye.fov * Math.PI) / 360);
    const far = Math.max(size.y / (2 * half), size.x / (2 * half * this.eye.aspect)) * margin + size.z / 2;
    return { from: to.clone().addScaledVector(direction.clone().normalize(), Math.max(far, 0.2)), to };
  }

  /** Arrow keys turn, plus and minus go nearer and farther: the mouse's work for those without one. */
  private key(event: KeyboardEvent): void {
    const turns: Readonly<Record<string, readonly [number, number, number]>> = {
      ArrowLeft: [-1, 0, 1], ArrowRight: [1, 0, 1], ArrowUp: [0, -1, 1], ArrowDown: [0, 1, 1],
      '+': [0, 0, 0.9], '=': [0, 0, 0.9], '-': [0, 0, 1.1],
    };
    const turn = turns[event.key];
    if (turn === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    const arm = new Spherical().setFromVector3(this.eye.position.clone().sub(this.controls.target));
    arm.theta += turn[0] * TURN_RAD;
    arm.phi = Math.min(this.controls.maxPolarAngle, Math.max(this.controls.minPolarAngle, arm.phi + turn[1] * TURN_RAD));
    arm.radius = Math.min(this.controls.maxDistance, Math.max(this.controls.minDistance, arm.radius * turn[2]));
    arm.makeSafe();
    this.flight = null;
    this.eye.position.setFromSpherical(arm).add(this.controls.target);
    this.invalidate();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host;
    if (clientWidth === 0 || clientHeight === 0) {
      return;
    }
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, MOST_PIXEL_RATIO));
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.eye.aspect = clientWidth / clientHeight;
    this.eye.updateProjectionMatrix();
    this.resized();
    // Setting the size empties the canvas: draw before it is shown.
    cancelAnimationFrame(this.next);
    this.next = 0;
    if (!this.over.signal.aborted) {
      this.draw(performance.now());
    }
  }

  /** Told after each change of the canvas' size. */
  resized: () => void = () => undefined;

  /** Where something is on the page, in pixels of the page; none if it is behind the eye. */
  place(point: Vector3): { readonly x: number; readonly y: number } | null {
    const seen = point.clone().project(this.eye);
    if (seen.z > 1) {
      return null;
    }
    return { x: ((seen.x + 1) / 2) * this.host.clientWidth, y: ((1 - seen.y) / 2) * this.host.clientHeight };
  }

  dispose(): void {
    this.over.abort();
    cancelAnimationFrame(this.next);
    this.sizes.disconnect();
    this.controls.dispose();
    this.scene.environment = null;
    this.scene.background = null;
    this.environment?.dispose();
    this.scene.clear();
    this.renderer.dispose();
    // A browser lends a page few of these, and takes its time to notice that one is not used any more.
    if (!this.renderer.getContext().isContextLost()) {
      this.renderer.forceContextLoss();
    }
    this.canvas.remove();
  }
}
