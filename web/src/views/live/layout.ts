// How pictures share a screen, in which order, and how large they have to come. Pure.

/** Below this a tile shows nothing any more; the wall then scrolls. */
const LEAST_WIDTH_PX = 140;
/** A wall that leaves more of the width empty than this scrolls instead, where it is narrow: a phone held upright. */
const LEAST_USE = 0.7;
const NARROW_PX = 700;

export type Layout = {
  readonly columns: number;
  /** Width of all columns together. */
  readonly wide_px: number;
};

/** Columns with which `count` tiles of this shape are largest. */
export function layoutOf(count: number, width_px: number, height_px: number, ratio: number, gap_px: number): Layout {
  let best: Layout & { readonly tile_px: number } = { columns: 1, wide_px: width_px, tile_px: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const byWidth_px = (width_px - gap_px * (columns - 1)) / columns;
    const byHeight_px = ((height_px - gap_px * (rows - 1)) / rows) * ratio;
    const tile_px = Math.min(byWidth_px, byHeight_px);
    if (tile_px > best.tile_px + 0.5) {
      best = { columns, wide_px: Math.floor(tile_px * columns + gap_px * (columns - 1)), tile_px };
    }
  }
  const isSparse = width_px < NARROW_PX && width_px < height_px && best.wide_px < width_px * LEAST_USE;
  if (best.tile_px >= LEAST_WIDTH_PX && !isSparse) {
    return { columns: best.columns, wide_px: best.wide_px };
  }
  const most = Math.max(1, Math.floor((width_px + gap_px) / (LEAST_WIDTH_PX + gap_px)));
  return { columns: Math.min(count, most), wide_px: width_px };
}

/** The ids in the remembered order; those it does not name come behind, as the server has them. */
export function inOrder(ids: readonly string[], remembered: readonly string[]): string[] {
  const known = remembered.filter((id, at) => ids.includes(id) && remembered.indexOf(id) === at);
  return [...known, ...ids.filter((id) => !known.includes(id))];
}

/** With `id` at the place `to`. */
export function moved(ids: readonly string[], id: string, to: number): string[] {
  const others = ids.filter((other) => other !== id);
  const at = Math.max(0, Math.min(to, others.length));
  return [...others.slice(0, at), id, ...others.slice(at)];
}

export const QUALITIES = ['auto', 'full', 'half', 'quarter'] as const;
export type Quality = (typeof QUALITIES)[number];

/** A picture may be drawn so much larger than it came before anybody sees it. */
const STRETCH = 1.2;

/** The server makes pictures of a half and a quarter of the camera's size: the smallest that has this width. */
function part(source_px: number, width_px: number | undefined): 1 | 2 | 4 {
  if (width_px === undefined) {
    return 1;
  }
  return ([4, 2] as const).find((divisor) => Math.floor(source_px / divisor) >= width_px) ?? 1;
}

/**
 * The width to ask for: enough for a place of `place_px` device pixels. `asked_px` is what was asked for before; it stays
 * while it gives the same pictures, because each change begins the stream anew.
 */
export function widthFor(
  quality: Quality,
  place_px: number,
  source_px: number | null,
  asked_px: number | undefined,
): number | undefined {
  const enough_px = Math.max(16, Math.round(place_px / STRETCH));
  if (source_px === null) {
    return quality === 'auto' ? enough_px : undefined;
  }
  const divisor = { auto: part(source_px, enough_px), full: 1, half: 2, quarter: 4 }[quality];
  if (part(source_px, asked_px) === divisor) {
    return asked_px;
  }
  return divisor === 1 ? undefined : Math.max(16, Math.floor(source_px / divisor));
}
