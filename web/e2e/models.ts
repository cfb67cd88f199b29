// Models for tests, made as a drawing program would make them.

import { Document, NodeIO } from '@gltf-transform/core';

type Plane = { readonly name: string; readonly x: number; readonly parts?: number };

/** Planes side by side, each a metre and a third wide and a metre high; one with several parts has a material for each. */
export async function planes(...all: readonly Plane[]): Promise<Buffer> {
  const file = new Document();
  const data = file.createBuffer();
  const scene = file.createScene('Test');
  const w = 2 / 3;
  const h = 0.5;
  for (const { name, x, parts = 1 } of all) {
    const mesh = file.createMesh(name);
    for (let part = 0; part < parts; part += 1) {
      // The sixth part is in front; the others are small and far behind.
      const s = parts === 1 || part === 5 ? 1 : 0.05;
      const z = parts === 1 || part === 5 ? 0 : -0.1;
      const points = [[-w, -h], [w, -h], [w, h], [-w, h]].flatMap(([px = 0, py = 0]) => [px * s, py * s, z]);
      const accessor = (type: 'VEC2' | 'VEC3' | 'SCALAR', array: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>) =>
        file.createAccessor().setType(type).setArray(array).setBuffer(data);
      mesh.addPrimitive(
        file.createPrimitive()
          .setMaterial(file.createMaterial(`${name} ${part}`).setBaseColorFactor([0.8, 0.1, 0.1, 1]))
          .setIndices(accessor('SCALAR', new Uint16Array([0, 1, 2, 0, 2, 3])))
          .setAttribute('POSITION', accessor('VEC3', new Float32Array(points)))
          .setAttribute('NORMAL', accessor('VEC3', new Float32Array([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1])))
          .setAttribute('TEXCOORD_0', accessor('VEC2', new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]))),
      );
    }
    scene.addChild(file.createNode(name).setMesh(mesh).setTranslation([x, 0, 0]));
  }
  return Buffer.from(await new NodeIO().writeBinary(file));
}

/** An environment that is red all around, without run lengths. */
export function red(): Buffer {
  const pixels = Buffer.alloc(64 * 32 * 4);
  for (let at = 0; at < pixels.length; at += 4) {
    pixels.set([128, 0, 0, 129], at);
  }
  return Buffer.concat([Buffer.from('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 32 +X 64\n'), pixels]);
}

/** A floor plan of one colour: the smallest picture that is one. */
export function plan(): Buffer {
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
    'base64',
  );
}
