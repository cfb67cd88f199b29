// Zoom and pan. Pure: pixels and fractions in, a place out.
//
// The picture is drawn larger at once, by this page alone. When the fingers leave, a camera that can is asked for that part
// in its own pixels, and the drawing goes back to its place when pictures of it come.

/** How the picture is drawn: scaled by `scale` from its upper left corner, then shifted. Shifts are parts of its size. */
export type Lens = { readonly scale: number; readonly x: number; readonly y: number };

export const PLAIN: Lens = { scale: 1, x: 0, y: 0 };
/** What the page alone can do; past it one looks at squares. */
export const MOST_SCALE = 8;

/** Keeps the picture over its place: no edge comes in. One drawn smaller than its place stays in the middle. */
export function within(lens: Lens, least: number, most: number): Lens {
  const scale = Math.min(Math.max(lens.scale, least), most);
  const bound = (shift: number): number => (scale < 1 ? (1 - scale) / 2 : Math.min(0, Math.max(1 - scale, shift)));
  return { scale, x: bound(lens.x), y: bound(lens.y) };
}

/** Larger by `factor` around a point of the place, in parts of its size: what is there stays there. */
export function zoomed(lens: Lens, factor: number, at: { readonly x: number; readonly y: number }, least: number, most: number): Lens {
  const scale = Math.min(Math.max(lens.scale * factor, least), most);
  const grown = scale / lens.scale;
  return within({ scale, x: at.x - (at.x - lens.x) * grown, y: at.y - (at.y - lens.y) * grown }, least, most);
}

/** What a camera is asked for. */
export type View = { readonly zoom: number; readonly pan: number; readonly tilt: number };

/** How much of the sensor a picture of this shape shows when it is not zoomed: all of its width, or all of its height. */
export function shareOf(pictureRatio: number, sensorRatio: number): { readonly x: number; readonly y: number } {
  const relative = pictureRatio / sensorRatio;
  return relative > 1 ? { x: 1, y: 1 / relative } : { x: relative, y: 1 };
}

/** The view that shows what the lens shows of the picture of `from`. `share` as above. */
export function viewOf(lens: Lens, from: View, most: number, share: { readonly x: number; readonly y: number }): View {
  const zoom = Math.min(Math.max(from.zoom * lens.scale, 1), most);
  const place = (shift: number, before: number, all: number): number => {
    const size = all / zoom;
    if (size > 0.999) {
      return 0;
    }
    const shown = all / from.zoom;
    const start = ((1 - shown) * (1 + before)) / 2;
    // The middle of what is seen, in parts of the sensor.
    const middle = start + ((0.5 - shift) / lens.scale) * shown;
    const left = Math.min(Math.max(middle - size / 2, 0), 1 - size);
    return (2 * left) / (1 - size) - 1;
  };
  const round = (value: number): number => Math.round(value * 1_000) / 1_000 + 0;
  return { zoom: round(zoom), pan: round(place(lens.x, from.pan, share.x)), tilt: round(place(lens.y, from.tilt, share.y)) };
}
