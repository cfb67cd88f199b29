// The monitor of the 3D view: a slim panel on a stand, with a node `Screen` for the picture. Metres, as glTF has it.

import { Document, type Material, NodeIO } from '@gltf-transform/core';
import { type BufferGeometry, CylinderGeometry, ExtrudeGeometry, PlaneGeometry, Shape, ShapeGeometry } from 'three';
import { RoundedBoxGeometry } from 'three/examples/jsm/geometries/RoundedBoxGeometry.js';
import { mergeVertices, toCreasedNormals } from 'three/examples/jsm/utils/BufferGeometryUtils.js';

const SCREEN_WIDTH_M = 1.6;
const SCREEN_HEIGHT_M = 1.2;
/** The screen's middle above the floor. */
const SCREEN_AT_M = 1.02;
const BEZEL_M = 0.045;
const CORNER_M = 0.05;

type Finish = { readonly color: readonly [number, number, number]; readonly metal: number; readonly rough: number };

const ALUMINIUM: Finish = { color: [0.66, 0.68, 0.71], metal: 1, rough: 0.34 };
const SHELL: Finish = { color: [0.2, 0.21, 0.225], metal: 0.55, rough: 0.52 };
const GLASS: Finish = { color: [0.006, 0.007, 0.008], metal: 0, rough: 0.12 };
const DARK: Finish = { color: [0, 0, 0], metal: 0, rough: 0.3 };
const RUBBER: Finish = { color: [0.02, 0.02, 0.022], metal: 0, rough: 0.9 };

/** The whole file. */
export async function monitor(): Promise<Uint8Array> {
  const file = new Document();
  const data = file.createBuffer();
  const scene = file.createScene('Monitor');

  const add = (name: string, geometry: BufferGeometry, material: Material, at: [number, number, number]): void => {
    // Extruded shapes come with a flat face for each step of a curve.
    const smooth = geometry instanceof ExtrudeGeometry ? toCreasedNormals(geometry, 0.6) : geometry;
    if (name !== 'Screen') {
      // Corners that differ in nothing else would stay apart.
      smooth.deleteAttribute('uv');
    }
    const welded = mergeVertices(smooth, 1e-4);
    const index = welded.getIndex();
    if (index === null) {
      throw new Error(`${name} has no index`);
    }
    const part = file.createPrimitive().setMaterial(material);
    part.setIndices(file.createAccessor().setType('SCALAR').setArray(new Uint16Array(index.array)).setBuffer(data));
    const kinds = [['POSITION', 'position', 'VEC3'], ['NORMAL', 'normal', 'VEC3'], ['TEXCOORD_0', 'uv', 'VEC2']] as const;
    for (const [semantic, attribute, type] of kinds) {
      if (attribute === 'uv' && name !== 'Screen') {
        continue;
      }
      const values = new Float32Array(welded.getAttribute(attribute).array);
      if (attribute === 'uv') {
        // A texture's first row is at v = 0 in glTF, and at v = 1 in three.js.
        values.forEach((value, i) => { values[i] = i % 2 === 1 ? 1 - value : value; });
      }
      part.setAttribute(semantic, file.createAccessor().setType(type).setArray(values).setBuffer(data));
    }
    scene.addChild(file.createNode(name).setMesh(file.createMesh(name).addPrimitive(part)).setTranslation(at));
  };
  const finish = (name: string, { color, metal, rough }: Finish): Material =>
    file.createMaterial(name).setBaseColorFactor([...color, 1]).setMetallicFactor(metal).setRoughnessFactor(rough);

  const aluminium = finish('Aluminium', ALUMINIUM);
  const shell = finish('Shell', SHELL);
  const width = SCREEN_WIDTH_M + 2 * BEZEL_M;
  const height = SCREEN_HEIGHT_M + 2 * BEZEL_M;

  const bevel = 0.009;
  const slab = new ExtrudeGeometry(rounded(width - 2 * bevel, height - 2 * bevel, CORNER_M - bevel), {
    depth: 0.026, bevelEnabled: true, bevelThickness: bevel, bevelSize: bevel, bevelSegments: 2, curveSegments: 6,
  });
  add('Body', slab.translate(0, 0, -0.035), aluminium, [0, SCREEN_AT_M, 0]);
  const front = new ShapeGeometry(rounded(width - 0.012, height - 0.012, CORNER_M - 0.006), 8);
  add('Glass', front, finish('Glass', GLASS), [0, SCREEN_AT_M, 0.0006]);
  add('Screen', new PlaneGeometry(SCREEN_WIDTH_M, SCREEN_HEIGHT_M), finish('Screen', DARK), [0, SCREEN_AT_M, 0.0015]);
  add('Back', new RoundedBoxGeometry(1.02, 0.66, 0.09, 2, 0.044), shell, [0, SCREEN_AT_M - 0.05, -0.07]);

  // The neck leans from the back of the panel to the middle of the foot.
  const neck = new RoundedBoxGeometry(0.26, 0.72, 0.05, 3, 0.024);
  add('Neck', neck.rotateX(0.2).translate(0, 0.36, -0.135), aluminium, [0, 0, 0]);
  const foot = new ExtrudeGeometry(rounded(0.78, 0.46, 0.1), {
    depth: 0.01, bevelEnabled: true, bevelThickness: 0.006, bevelSize: 0.006, bevelSegments: 2, curveSegments: 6,
  });
  add('Foot', foot.rotateX(-Math.PI / 2), aluminium, [0, 0.009, -0.14]);
  add('Sole', new ShapeGeometry(rounded(0.76, 0.44, 0.095), 8).rotateX(Math.PI / 2), finish('Rubber', RUBBER), [0, 0.002, -0.14]);

  const lamp = finish('Lamp', { color: [0.05, 0.4, 0.2], metal: 0, rough: 0.4 }).setEmissiveFactor([0.1, 0.8, 0.4]);
  add('Lamp', new CylinderGeometry(0.005, 0.005, 0.002, 8).rotateX(Math.PI / 2), lamp, [
    width / 2 - 0.06, SCREEN_AT_M - height / 2 + BEZEL_M / 2, 0.001,
  ]);
  return new NodeIO().writeBinary(file);
}

/** A rectangle around the origin with round corners. */
function rounded(width: number, height: number, radius: number): Shape {
  const [x, y] = [width / 2, height / 2];
  const shape = new Shape();
  shape.moveTo(-x + radius, -y);
  shape.lineTo(x - radius, -y).absarc(x - radius, -y + radius, radius, -Math.PI / 2, 0, false);
  shape.lineTo(x, y - radius).absarc(x - radius, y - radius, radius, 0, Math.PI / 2, false);
  shape.lineTo(-x + radius, y).absarc(-x + radius, y - radius, radius, Math.PI / 2, Math.PI, false);
  shape.lineTo(-x, -y + radius).absarc(-x + radius, -y + radius, radius, Math.PI, Math.PI * 1.5, false);
  return shape;
}
