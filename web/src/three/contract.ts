// Where a model shows the picture, as the old page had it: on the mesh of a node named `Screen`, else on the sixth material of
// a mesh with several. Pure: a model is what glTF's own lists say.

export type ModelLists = {
  readonly nodes?: readonly { readonly name?: string; readonly mesh?: number; readonly children?: readonly number[] }[];
  readonly meshes?: readonly { readonly primitives: readonly unknown[] }[];
};

/** A part of a mesh, by glTF's numbers. */
export type Part = { readonly mesh: number; readonly primitive: number };

/** A second screen is `Screen.001` in Blender and `Screen_1` elsewhere. */
const SCREEN = /^screen(?:[._ -]?\d+)?$/i;
const SIXTH = 5;

export type Placement =
  | { readonly kind: 'named'; readonly parts: readonly Part[] }
  | { readonly kind: 'sixth'; readonly parts: readonly Part[] }
  /** The picture has no place; the names of what is there. */
  | { readonly kind: 'none'; readonly names: readonly string[] };

export function placement(model: ModelLists): Placement {
  const nodes = model.nodes ?? [];
  const meshes = model.meshes ?? [];
  const named = nodes.filter(({ name }) => name !== undefined && SCREEN.test(name));
  const parts = named.flatMap((node) => partsOf(node.mesh, meshes));
  if (parts.length > 0) {
    return { kind: 'named', parts };
  }
  const several = meshes.findIndex(({ primitives }) => primitives.length > SIXTH);
  if (several >= 0) {
    return { kind: 'sixth', parts: [{ mesh: several, primitive: SIXTH }] };
  }
  const names = nodes.map((node, i) => node.name ?? `#${i}`);
  return { kind: 'none', names };
}

function partsOf(mesh: number | undefined, meshes: ModelLists['meshes'] = []): Part[] {
  if (mesh === undefined) {
    return [];
  }
  const count = meshes[mesh]?.primitives.length ?? 0;
  return count > SIXTH
    ? [{ mesh, primitive: SIXTH }]
    : Array.from({ length: count }, (_, primitive) => ({ mesh, primitive }));
}
