// Loads a GLB. Its textures are decoded from the file's own bytes: three.js would give each one a `blob:` address, which the
// page's policy does not let through, and does not have to.

import {
  ClampToEdgeWrapping,
  type Group,
  Line,
  LinearFilter,
  LinearMipmapLinearFilter,
  LinearMipmapNearestFilter,
  Material,
  Mesh,
  MirroredRepeatWrapping,
  NearestFilter,
  NearestMipmapLinearFilter,
  NearestMipmapNearestFilter,
  type Object3D,
  Points,
  RepeatWrapping,
  Texture,
} from 'three';
import { type GLTF, GLTFLoader, type GLTFLoaderPlugin, type GLTFParser } from 'three/examples/jsm/loaders/GLTFLoader.js';

import type { ModelLists, Part } from './contract.ts';

export type Model = {
  readonly root: Group;
  readonly lists: ModelLists;
  /** Every mesh that shows this part. */
  meshesOf(part: Part): Mesh[];
  dispose(): void;
};

/** Rejects with a sentence of the loader if the bytes are no model. */
export async function parseModel(bytes: ArrayBuffer): Promise<Model> {
  const loader = new GLTFLoader();
  loader.register((parser) => new OwnTextures(parser));
  const gltf = await loader.parseAsync(bytes, '');
  return {
    root: gltf.scene,
    lists: gltf.parser.json as ModelLists,
    meshesOf: (part) => meshesOf(gltf, part),
    dispose: () => { disposeTree(gltf.scene); },
  };
}

function meshesOf(gltf: GLTF, part: Part): Mesh[] {
  const found: Mesh[] = [];
  gltf.scene.traverse((object) => {
    const origin = gltf.parser.associations.get(object);
    if (isMesh(object) && origin?.meshes === part.mesh && (origin.primitives ?? 0) === part.primitive) {
      found.push(object);
    }
  });
  return found;
}

function isMesh(object: Object3D): object is Mesh {
  return object instanceof Mesh;
}

const FILTERS: ReadonlyMap<number, Texture['minFilter']> = new Map([
  [9728, NearestFilter],
  [9729, LinearFilter],
  [9984, NearestMipmapNearestFilter],
  [9985, LinearMipmapNearestFilter],
  [9986, NearestMipmapLinearFilter],
  [9987, LinearMipmapLinearFilter],
]);
const WRAPS: ReadonlyMap<number, Texture['wrapS']> = new Map([
  [33071, ClampToEdgeWrapping],
  [33648, MirroredRepeatWrapping],
  [10497, RepeatWrapping],
]);

type Lists = {
  textures?: { source?: number; sampler?: number }[];
  images?: { bufferView?: number; mimeType?: string }[];
  samplers?: { magFilter?: number; minFilter?: number; wrapS?: number; wrapT?: number }[];
};

class OwnTextures implements GLTFLoaderPlugin {
  readonly name = 'OWN_TEXTURES';

  constructor(private readonly parser: GLTFParser) {}

  loadTexture(at: number): Promise<Texture> | null {
    const lists = this.parser.json as Lists;
    const { source, sampler: samplerAt } = lists.textures?.[at] ?? {};
    const image = source === undefined ? undefined : lists.images?.[source];
    if (image?.bufferView === undefined) {
      return null;
    }
    const sampler = samplerAt === undefined ? {} : (lists.samplers?.[samplerAt] ?? {});
    return this.decode(at, image.bufferView, image.mimeType ?? 'image/png', sampler);
  }

  private async decode(
    at: number,
    view: number,
    type: string,
    sampler: NonNullable<Lists['samplers']>[number],
  ): Promise<Texture> {
    const bytes = (await this.parser.getDependency('bufferView', view)) as ArrayBuffer;
    const bitmap = await createImageBitmap(new Blob([bytes], { type }), {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
    const texture = new Texture(bitmap);
    texture.flipY = false;
    texture.magFilter = sampler.magFilter === 9728 ? NearestFilter : LinearFilter;
    texture.minFilter = FILTERS.get(sampler.minFilter ?? 0) ?? LinearMipmapLinearFilter;
    texture.wrapS = WRAPS.get(sampler.wrapS ?? 0) ?? RepeatWrapping;
    texture.wrapT = WRAPS.get(sampler.wrapT ?? 0) ?? RepeatWrapping;
    texture.needsUpdate = true;
    this.parser.associations.set(texture, { textures: at });
    return texture;
  }
}

/** The GPU never forgets by itself. */
export function disposeTree(root: Object3D): void {
  root.traverse((object) => {
    if (!(object instanceof Mesh || object instanceof Line || object instanceof Points)) {
      return;
    }
    const mesh = object as Mesh;
    mesh.geometry.dispose();
    for (const material of Array.isArray(mesh.material) ? mesh.material : [mesh.material]) {
      disposeMaterial(material);
    }
  });
}

export function disposeMaterial(material: Material): void {
  for (const value of Object.values(material) as unknown[]) {
    if (value instanceof Texture) {
      value.dispose();
      if (value.image instanceof ImageBitmap) {
        value.image.close();
      }
    }
  }
  material.dispose();
}
