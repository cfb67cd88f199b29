// Whether something grows: a straight line through what was measured, by least squares.

export type Point = { readonly at_s: number; readonly value: number };

/** Growth for each second; none of fewer than two points. */
export function slope(points: readonly Point[]): number {
  const n = points.length;
  const middle = (pick: (point: Point) => number): number => points.reduce((sum, point) => sum + pick(point), 0) / Math.max(n, 1);
  const at = middle((point) => point.at_s);
  const value = middle((point) => point.value);
  const wide = points.reduce((sum, point) => sum + (point.at_s - at) ** 2, 0);
  const together = points.reduce((sum, point) => sum + (point.at_s - at) * (point.value - value), 0);
  return wide === 0 ? 0 : together / wide;
}
