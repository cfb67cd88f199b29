// The monitor: a model with a screen, ours or somebody's own, that shows one camera.

import { type Mesh, PlaneGeometry, ShaderMaterial, Vector3, Mesh as ThreeMesh, Box3, type Material } from 'three';

import { placement } from './contract.ts';
import type { Fit } from './fit.ts';
import { disposeMaterial, type Model, parseModel } from './model.ts';
import type { LivePicture } from './picture.ts';
import { ScreenMaterial } from './screen.ts';
import type { Stage } from './stage.ts';

/** The model can be used, or why not. */
export type Loaded =
  | { readonly kind: 'ok'; readonly world: MonitorWorld }
  | { readonly kind: 'broken'; readonly detail: string }
  | { readonly kind: 'no_screen'; readonly names: readonly string[] };

const FRONT = new Vector3(0.34, 0.16, 1);

export class MonitorWorld {
  private readonly screens: { readonly mesh: Mesh; readonly surface: ScreenMaterial }[] = [];
  private readonly ground: ThreeMesh<PlaneGeometry, ShaderMaterial>;
  private moved = false;

  private constructor(
    private readonly stage: Stage,
    private readonly model: Model,
    meshes: readonly Mesh[],
  ) {
    const replaced = new Set<Material>();
    model.root.updateMatrixWorld(true);
    for (const mesh of meshes) {
      const before = mesh.material as Material;
      const scale = mesh.getWorldScale(new Vector3());
      const surface = new ScreenMaterial(mesh.geometry, before.side, scale.toArray());
      mesh.material = surface.material;
      replaced.add(before);
      this.screens.push({ mesh, surface });
    }
    // The materials that were on the screens, unless something else has them too.
    model.root.traverse((object) => {
      if (object instanceof ThreeMesh) {
        replaced.delete(object.material as Material);
      }
    });
    replaced.forEach(disposeMaterial);
    this.ground = shade(model);
    stage.scene.add(model.root, this.ground);
    stage.controls.addEventListener('start', this.stir);
    stage.controls.maxPolarAngle = Math.PI * 0.62;
    this.front(true);
    stage.resized = () => {
      if (!this.moved) {
        this.front(true);
      }
    };
  }

  static async load(stage: Stage, bytes: ArrayBuffer, signal: AbortSignal): Promise<Loaded> {
    let model: Model;
    try {
      model = await parseModel(bytes);
    } catch (error) {
      return { kind: 'broken', detail: error instanceof Error ? error.message : '' };
    }
    const found = placement(model.lists);
    const meshes = found.kind === 'none' ? [] : found.parts.flatMap((part) => model.meshesOf(part));
    if (meshes.length === 0 || signal.aborted) {
      model.dispose();
      return { kind: 'no_screen', names: found.kind === 'none' ? found.names : [] };
    }
    return { kind: 'ok', world: new MonitorWorld(stage, model, meshes) };
  }

  private readonly stir = (): void => {
    this.moved = true;
  };

  /** The whole model, a little from the side. */
  front(at_once = false): void {
    this.moved = false;
    const eye = this.stage.around(this.model.root, FRONT, 1.12);
    const far = eye.from.distanceTo(eye.to);
    this.stage.controls.minDistance = far * 0.25;
    this.stage.controls.maxDistance = far * 4;
    this.stage.eye.near = far / 100;
    this.stage.eye.far = far * 100;
    this.stage.eye.updateProjectionMatrix();
    this.stage.look(eye, at_once);
  }

  show(picture: LivePicture | null, fit: Fit, doubt: boolean): void {
    for (const { surface } of this.screens) {
      surface.show(picture, fit, doubt);
    }
    this.stage.invalidate();
  }

  /** Middles of the screens, for whoever looks at the pixels there. */
  places(): Vector3[] {
    return this.screens.map(({ mesh }) => new Box3().setFromObject(mesh).getCenter(new Vector3()));
  }

  dispose(): void {
    this.stage.controls.removeEventListener('start', this.stir);
    this.stage.resized = () => undefined;
    this.stage.scene.remove(this.model.root, this.ground);
    this.model.dispose();
    for (const { surface } of this.screens) {
      surface.dispose();
    }
    this.ground.geometry.dispose();
    this.ground.material.dispose();
  }
}

/** A soft shadow below the model, so that it stands and does not float. */
function shade(model: Model): ThreeMesh<PlaneGeometry, ShaderMaterial> {
  const box = new Box3().setFromObject(model.root);
  const size = box.getSize(new Vector3());
  const middle = box.getCenter(new Vector3());
  const material = new ShaderMaterial({
    vertexShader: 'varying vec2 at; void main() { at = uv * 2.0 - 1.0; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }',
    fragmentShader: 'varying vec2 at; void main() { float d = clamp(1.0 - length(at), 0.0, 1.0); gl_FragColor = vec4(0.0, 0.0, 0.0, d * d * 0.42); }',
    transparent: true,
    depthWrite: false,
  });
  const wide = Math.max(size.x, size.z, 0.1);
  const mesh = new ThreeMesh(new PlaneGeometry(Math.max(size.x, wide * 0.6) * 1.5, Math.max(size.z, wide * 0.5) * 1.8), material);
  mesh.rotation.x = -Math.PI / 2;
  mesh.position.set(middle.x, box.min.y - size.y * 0.0005, middle.z);
  return mesh;
}
