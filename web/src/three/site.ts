// The site: a floor plan or a model of the house, and each camera where it is, as a screen or as a projector.

import {
  Box3,
  BufferGeometry,
  Color,
  DoubleSide,
  Euler,
  Float32BufferAttribute,
  GridHelper,
  Group,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  type Object3D,
  PerspectiveCamera,
  PlaneGeometry,
  Raycaster,
  SRGBColorSpace,
  Texture,
  Vector2,
  Vector3,
} from 'three';
import { TransformControls } from 'three/examples/jsm/controls/TransformControls.js';

import type { Piece } from './api.ts';
import { getBytes, pieceAddress } from './api.ts';
import { clamped, FAR_M, type Ground, type Placed, rounded, type Site, verticalAngle } from './layout.ts';
import { disposeTree, parseModel } from './model.ts';
import type { LivePicture } from './picture.ts';
import { OVERLAY_LAYER, Projection } from './projection.ts';
import { ScreenMaterial } from './screen.ts';
import type { Stage } from './stage.ts';
import type { SceneWords } from './words.ts';

export interface SiteEvents {
  /** A camera was clicked or its label was. */
  chosen(camera: string): void;
  /** Somebody moved it with the handles. */
  moved(placed: Placed): void;
}

/** A click is no drag. */
const CLICK_PX = 5;
const DEG = Math.PI / 180;
const OVERVIEW = new Vector3(0.25, 0.62, 1);

/** One camera on the scene. */
type Stand = {
  placed: Placed;
  readonly root: Group;
  readonly surface: ScreenMaterial;
  readonly screen: Mesh<PlaneGeometry>;
  readonly frame: LineSegments | null;
  readonly lens: PerspectiveCamera | null;
  readonly projection: Projection | null;
  readonly label: HTMLButtonElement;
  ratio: number;
};

export class SiteWorld {
  private readonly stands = new Map<string, Stand>();
  private readonly floor = new Group();
  private readonly over = new AbortController();
  private readonly handles: TransformControls;
  private groundKey = '';
  private selected: string | null = null;
  private moved = false;

  constructor(
    private readonly stage: Stage,
    private readonly host: HTMLElement,
    private readonly t: SceneWords,
    private readonly events: SiteEvents,
  ) {
    stage.scene.add(this.floor);
    stage.controls.minDistance = 0.3;
    stage.controls.maxDistance = 500;
    stage.controls.maxPolarAngle = Math.PI * 0.495;
    stage.controls.addEventListener('start', this.stir);
    stage.eye.near = 0.05;
    stage.eye.far = 2_000;
    stage.eye.updateProjectionMatrix();
    stage.eye.layers.enable(OVERLAY_LAYER);
    stage.eachDraw(() => { this.place(); });
    stage.resized = () => {
      if (!this.moved && this.groundKey !== '') {
        this.overview(true);
      }
    };
    this.handles = new TransformControls(stage.eye, stage.canvas);
    this.handles.setSpace('local');
    this.handles.addEventListener('change', stage.invalidate);
    this.handles.addEventListener('dragging-changed', ({ value }) => { stage.controls.enabled = value !== true; });
    this.handles.addEventListener('objectChange', () => { this.tellMoved(); });
    stage.scene.add(this.handles.getHelper());
    let down: Vector2 | null = null;
    const { signal } = this.over;
    stage.canvas.addEventListener('pointerdown', (event) => { down = new Vector2(event.clientX, event.clientY); }, { signal });
    stage.canvas.addEventListener('pointerup', (event) => {
      if (down !== null && down.distanceTo(new Vector2(event.clientX, event.clientY)) < CLICK_PX) {
        this.click(event);
      }
      down = null;
    }, { signal });
  }

  private readonly stir = (): void => {
    this.moved = true;
  };

  /** Sentences to tell; none if all went well. */
  async show(site: Site, pieces: readonly Piece[], signal: AbortSignal): Promise<string[]> {
    const wanted = new Set(site.cameras.map(({ camera }) => camera));
    for (const [camera, stand] of this.stands) {
      const now = site.cameras.find((placed) => placed.camera === camera);
      if (!wanted.has(camera) || needsNew(stand.placed, now)) {
        this.remove(camera, stand);
      }
    }
    for (const placed of site.cameras) {
      const stand = this.stands.get(placed.camera) ?? this.add(placed);
      this.arrange(stand, placed);
    }
    this.handle();
    const said = await this.standOn(site.ground, pieces, signal);
    if (!this.moved) {
      this.overview(true);
    }
    this.stage.invalidate();
    return said;
  }

  private add(placed: Placed): Stand {
    const root = new Group();
    const geometry = new PlaneGeometry(1, 1);
    // Coordinates as glTF has them: the first row at the top.
    const uv = geometry.attributes.uv;
    for (let i = 0; uv !== undefined && i < uv.count; i += 1) {
      uv.setY(i, 1 - uv.getY(i));
    }
    const surface = new ScreenMaterial(geometry, DoubleSide);
    const screen = new Mesh(geometry, surface.material);
    screen.userData.camera = placed.camera;
    root.add(screen);
    const isFrustum = placed.kind === 'frustum';
    const lens = isFrustum ? new PerspectiveCamera() : null;
    const projection = lens === null ? null : new Projection(lens);
    const label = document.createElement('button');
    label.type = 'button';
    label.className = 'place';
    label.addEventListener('click', () => {
      this.flyTo(placed.camera);
      this.events.chosen(placed.camera);
    }, { signal: this.over.signal });
    this.host.append(label);
    const frame = isFrustum ? lines() : null;
    if (lens !== null && frame !== null) {
      root.add(lens, frame);
    }
    const stand: Stand = { placed, root, surface, screen, frame, lens, projection, label, ratio: 4 / 3 };
    this.stands.set(placed.camera, stand);
    this.stage.scene.add(root);
    this.castAll();
    return stand;
  }

  private arrange(stand: Stand, placed: Placed): void {
    stand.placed = placed;
    stand.root.position.set(...placed.at_m);
    stand.root.rotation.copy(new Euler(placed.pitch_deg * DEG, placed.yaw_deg * DEG, placed.roll_deg * DEG, 'YXZ'));
    if (stand.lens === null) {
      stand.screen.scale.set(placed.width_m, placed.width_m / stand.ratio, 1);
    } else {
      // The picture hangs at the far end, as large as the lens sees there.
      const width = 2 * placed.reach_m * Math.tan(placed.angle_deg * DEG * 0.5);
      stand.screen.scale.set(width, width / stand.ratio, 1);
      stand.screen.position.set(0, 0, -placed.reach_m);
      stand.frame?.scale.set(width / 2, width / stand.ratio / 2, placed.reach_m);
      stand.lens.fov = verticalAngle(placed.angle_deg, stand.ratio);
      stand.lens.aspect = stand.ratio;
      stand.lens.near = 0.1;
      stand.lens.far = placed.reach_m;
      stand.lens.updateProjectionMatrix();
    }
    stand.root.updateMatrixWorld(true);
    stand.projection?.aim();
  }

  private remove(camera: string, stand: Stand): void {
    if (this.selected === camera) {
      this.handles.detach();
    }
    this.stage.scene.remove(stand.root);
    stand.label.remove();
    stand.surface.dispose();
    stand.screen.geometry.dispose();
    if (stand.frame !== null) {
      stand.frame.geometry.dispose();
      (stand.frame.material as LineBasicMaterial).dispose();
    }
    stand.projection?.dispose();
    this.stands.delete(camera);
    this.castAll();
  }

  /** Every projector on everything that stands there. */
  private castAll(): void {
    for (const { projection } of this.stands.values()) {
      projection?.onto(this.floor);
    }
  }

  pictures(pictures: ReadonlyMap<string, LivePicture>, doubtful: (camera: string) => boolean): void {
    for (const [camera, stand] of this.stands) {
      const picture = pictures.get(camera) ?? null;
      const ratio = picture?.ratio ?? stand.ratio;
      if (ratio !== stand.ratio) {
        stand.ratio = ratio;
        this.arrange(stand, stand.placed);
      }
      stand.surface.show(picture, 'cover', doubtful(camera));
      // The plane is as the picture is: nothing is left to be cut off.
      const stretched: unknown = stand.surface.material.uniforms.stretch?.value;
      if (stretched instanceof Vector2) {
        stretched.set(1, 1);
      }
      stand.projection?.show(picture, doubtful(camera));
    }
  }

  /** Names, and how the pictures are, in words. */
  label(labels: ReadonlyMap<string, readonly [string, string]>): void {
    for (const [camera, { label }] of this.stands) {
      const [name, tone] = labels.get(camera) ?? [camera, 'busy'];
      if (label.textContent !== name) {
        label.textContent = name;
        label.title = this.t.flyTo(name);
      }
      label.dataset.tone = tone;
    }
  }

  /** Labels follow their cameras, and projectors see what stands in front of them. */
  private place(): void {
    for (const { projection } of this.stands.values()) {
      projection?.look(this.stage.renderer, this.floor);
    }
    for (const { label, root, placed, ratio } of this.stands.values()) {
      const above = placed.kind === 'screen' ? placed.width_m / ratio / 2 + 0.12 : 0.25;
      const seen = this.stage.place(root.localToWorld(new Vector3(0, above, 0)));
      label.hidden = seen === null;
      if (seen !== null) {
        label.style.transform = `translate(-50%, -100%) translate(${seen.x.toFixed(1)}px, ${seen.y.toFixed(1)}px)`;
      }
    }
  }

  private click(event: PointerEvent): void {
    const box = this.stage.canvas.getBoundingClientRect();
    const point = new Vector2(
      ((event.clientX - box.left) / box.width) * 2 - 1,
      1 - ((event.clientY - box.top) / box.height) * 2,
    );
    const ray = new Raycaster();
    ray.setFromCamera(point, this.stage.eye);
    const screens = [...this.stands.values()].map(({ screen }) => screen);
    const camera: unknown = ray.intersectObjects(screens, false)[0]?.object.userData.camera;
    if (typeof camera === 'string') {
      if (this.selected === null) {
        this.flyTo(camera);
      }
      this.events.chosen(camera);
    }
  }

  /** In front of a screen, or to where the camera itself is. */
  flyTo(camera: string): void {
    const stand = this.stands.get(camera);
    if (stand === undefined) {
      return;
    }
    this.moved = true;
    const { root, placed, ratio } = stand;
    const half = Math.tan(this.stage.eye.fov * DEG * 0.5);
    if (placed.kind === 'screen') {
      const far = Math.max(placed.width_m / ratio / (2 * half), placed.width_m / (2 * half * this.stage.eye.aspect)) * 1.2;
      this.stage.look({ from: root.localToWorld(new Vector3(0, 0, far)), to: root.localToWorld(new Vector3()) }, false);
    } else {
      const to = root.localToWorld(new Vector3(0, 0, -placed.reach_m));
      this.stage.look({ from: root.localToWorld(new Vector3(0, 0.15, 0.6)), to }, false);
    }
  }

  overview(at_once = false): void {
    this.moved = false;
    const all = new Group();
    // An empty floor has no end worth seeing.
    const isFloorShown = this.floor.userData.loaded === true || this.stands.size === 0;
    const box = isFloorShown ? new Box3().setFromObject(this.floor) : new Box3();
    for (const { root } of this.stands.values()) {
      box.expandByObject(root);
    }
    all.position.copy(box.getCenter(new Vector3()));
    const radius = box.getSize(new Vector3()).length() / 2;
    const upright = this.stage.eye.fov * DEG * 0.5;
    const narrow = Math.min(upright, Math.atan(Math.tan(upright) * this.stage.eye.aspect));
    // A sphere around everything has corners where nothing stands.
    const far = clamped((radius * 0.72) / Math.sin(narrow), 2, 400);
    const from = all.position.clone().addScaledVector(OVERVIEW.clone().normalize(), far);
    this.stage.look({ from, to: all.position }, at_once);
  }

  select(camera: string | null, by: 'translate' | 'rotate'): void {
    this.selected = camera;
    this.handles.setMode(by);
    this.handle();
  }

  private handle(): void {
    const root = this.selected === null ? undefined : this.stands.get(this.selected)?.root;
    if (root === undefined) {
      this.handles.detach();
    } else if (this.handles.object !== root) {
      this.handles.attach(root);
    }
    this.stage.invalidate();
  }

  private tellMoved(): void {
    const stand = this.selected === null ? undefined : this.stands.get(this.selected);
    if (stand === undefined) {
      return;
    }
    const { position, quaternion } = stand.root;
    const turned = new Euler().setFromQuaternion(quaternion, 'YXZ');
    const metres = (value: number): number => rounded(clamped(value, -FAR_M, FAR_M), 2);
    const placed: Placed = {
      ...stand.placed,
      at_m: [metres(position.x), metres(position.y), metres(position.z)],
      yaw_deg: rounded(turned.y / DEG, 1),
      pitch_deg: rounded(turned.x / DEG, 1),
      roll_deg: rounded(turned.z / DEG, 1),
    };
    stand.placed = placed;
    stand.root.updateMatrixWorld(true);
    stand.projection?.aim();
    this.events.moved(placed);
  }

  private async standOn(ground: Ground, pieces: readonly Piece[], signal: AbortSignal): Promise<string[]> {
    const piece = pieces.find(({ name }) => name === ground.kind);
    const key = JSON.stringify([ground.kind, piece?.version]);
    const said: string[] = [];
    if (key !== this.groundKey) {
      this.groundKey = key;
      this.clearFloor();
      if (piece !== undefined) {
        const what = await this.load(ground, piece, AbortSignal.any([signal, this.over.signal]));
        if (this.groundKey !== key || signal.aborted || this.over.signal.aborted) {
          what?.dispose();
          return [];
        }
        if (what === null) {
          said.push(ground.kind === 'plan' ? this.t.brokenPlan : this.t.brokenHouse);
        } else {
          this.floor.add(what.root);
        }
      }
      if (this.floor.children.length === 0) {
        this.floor.add(grid());
      }
      this.castAll();
    }
    const size = ground.kind === 'plan' ? ground.width_m : ground.scale;
    const what = this.floor.children[0];
    if (what !== undefined && ground.kind !== 'grid' && this.floor.userData.loaded === true) {
      what.scale.setScalar(size);
    }
    this.floor.rotation.y = ground.turn_deg * DEG;
    this.floor.updateMatrixWorld(true);
    for (const { projection } of this.stands.values()) {
      projection?.aim();
    }
    return said;
  }

  private async load(
    ground: Ground,
    piece: Piece,
    signal: AbortSignal,
  ): Promise<{ root: Object3D; dispose: () => void } | null> {
    const answer = await getBytes(pieceAddress(piece), signal);
    if (answer.kind !== 'ok') {
      return null;
    }
    try {
      if (ground.kind === 'plan') {
        const root = planOf(await createImageBitmap(new Blob([answer.value])));
        this.floor.userData.loaded = true;
        return { root, dispose: () => { disposeTree(root); } };
      }
      const model = await parseModel(answer.value);
      this.floor.userData.loaded = true;
      return { root: model.root, dispose: () => { model.dispose(); } };
    } catch {
      return null;
    }
  }

  private clearFloor(): void {
    for (const { projection } of this.stands.values()) {
      projection?.off();
    }
    for (const what of [...this.floor.children]) {
      this.floor.remove(what);
      disposeTree(what);
    }
    this.floor.userData.loaded = false;
    this.floor.scale.setScalar(1);
  }

  /** Middles of the screens, for whoever looks at the pixels there. */
  places(): Vector3[] {
    return [...this.stands.values()].map(({ screen }) => screen.getWorldPosition(new Vector3()));
  }

  dispose(): void {
    this.over.abort();
    this.groundKey = '';
    this.stage.controls.removeEventListener('start', this.stir);
    this.stage.controls.enabled = true;
    this.stage.eachDraw(() => undefined);
    this.stage.resized = () => undefined;
    this.handles.detach();
    this.stage.scene.remove(this.handles.getHelper());
    this.handles.dispose();
    for (const [camera, stand] of [...this.stands]) {
      this.remove(camera, stand);
    }
    this.clearFloor();
    this.stage.scene.remove(this.floor);
  }
}

/** A screen and a projector are built of other parts. */
function needsNew(before: Placed, now: Placed | undefined): boolean {
  return now !== undefined && before.kind !== now.kind;
}

/** A pyramid of edges, from the lens to a rectangle of two by two at a distance of one. */
function lines(): LineSegments {
  const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]] as const;
  const points = corners.flatMap(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % 4] ?? [0, 0];
    return [0, 0, 0, x, y, -1, x, y, -1, nextX, nextY, -1];
  });
  const geometry = new BufferGeometry().setAttribute('position', new Float32BufferAttribute(points, 3));
  return new LineSegments(geometry, new LineBasicMaterial({ color: new Color(0x3f8fe0) }));
}

/** A floor to stand on, with a line for each metre. */
function grid(): Group {
  const all = new Group();
  const lines = new GridHelper(20, 20, 0x6b7885, 0x8a96a1);
  const material = lines.material;
  material.transparent = true;
  material.opacity = 0.5;
  lines.position.y = 0.004;
  const slab = new Mesh(
    new PlaneGeometry(20, 20).rotateX(-Math.PI / 2),
    new MeshStandardMaterial({ color: 0x4a4f55, roughness: 0.95 }),
  );
  all.add(slab, lines);
  return all;
}

/** The plan lies on the floor, a metre wide before it is made as wide as it is. */
function planOf(bitmap: ImageBitmap): Mesh {
  const texture = new Texture(bitmap);
  texture.colorSpace = SRGBColorSpace;
  texture.flipY = false;
  texture.anisotropy = 4;
  texture.needsUpdate = true;
  const geometry = new PlaneGeometry(1, bitmap.height / bitmap.width).rotateX(-Math.PI / 2);
  const uv = geometry.attributes.uv;
  for (let i = 0; uv !== undefined && i < uv.count; i += 1) {
    uv.setY(i, 1 - uv.getY(i));
  }
  return new Mesh(geometry, new MeshBasicMaterial({ map: texture, side: DoubleSide }));
}
