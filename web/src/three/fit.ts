// How a picture is laid on a screen of other proportions. Pure.

export type Fit = 'contain' | 'cover';

/**
 * By how much the screen's own coordinates, counted from its middle, are stretched to become those of the picture: more than 1
 * leaves bars, less than 1 cuts off. Both are width divided by height.
 */
export function stretch(picture: number, screen: number, fit: Fit): readonly [number, number] {
  const wider = picture > screen;
  return (fit === 'contain') === wider ? [1, picture / screen] : [screen / picture, 1];
}

/**
 * Proportions of a mesh's surface as its texture sees it: how many metres one unit of u is, divided by the same of v. Positions are
 * triples, uvs pairs. None if the mesh has no texture coordinates to speak of.
 */
export function surfaceRatio(
  positions: readonly number[],
  uvs: readonly number[],
  triangles: readonly number[],
): number | null {
  let [along, across] = [0, 0];
  const p = (i: number, axis: number): number => positions[i * 3 + axis] ?? 0;
  for (let at = 0; at + 2 < triangles.length; at += 3) {
    const [a, b, c] = [triangles[at] ?? 0, triangles[at + 1] ?? 0, triangles[at + 2] ?? 0];
    const uv = (i: number, axis: number): number => uvs[i * 2 + axis] ?? 0;
    const [u1, v1, u2, v2] = [uv(b, 0) - uv(a, 0), uv(b, 1) - uv(a, 1), uv(c, 0) - uv(a, 0), uv(c, 1) - uv(a, 1)];
    const det = u1 * v2 - u2 * v1;
    if (Math.abs(det) < 1e-9) {
      continue;
    }
    const tangents: [number[], number[]] = [[], []];
    for (let axis = 0; axis < 3; axis += 1) {
      const [e1, e2] = [p(b, axis) - p(a, axis), p(c, axis) - p(a, axis)];
      tangents[0].push((e1 * v2 - e2 * v1) / det);
      tangents[1].push((e2 * u1 - e1 * u2) / det);
    }
    const weight = Math.abs(det);
    along += Math.hypot(...tangents[0]) * weight;
    across += Math.hypot(...tangents[1]) * weight;
  }
  return along > 0 && across > 0 ? along / across : null;
}

/** The part of the texture that a mesh uses, from the least to the greatest coordinate: old models use all of it. */
export function uvBounds(uvs: readonly number[]): { readonly min: [number, number]; readonly size: [number, number] } {
  const bounds = [0, 1].map((axis) => {
    const values = uvs.filter((_, i) => i % 2 === axis);
    return [Math.min(...values), Math.max(...values)] as const;
  });
  const [[u0, u1], [v0, v1]] = [bounds[0] ?? [0, 1], bounds[1] ?? [0, 1]];
  return { min: [u0, v0], size: [u1 - u0 || 1, v1 - v0 || 1] };
}
