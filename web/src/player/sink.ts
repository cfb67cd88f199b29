// Where the pictures of a player go: into the page, or one by one to whoever draws them, such as the 3D view.

/** Takes a decoded picture over, and closes it. Done when there is room for the next one. */
export type Target = (picture: ImageBitmap) => Promise<void>;

export type Sink =
  /** Into this element, which then belongs to the player. */
  | { readonly kind: 'page'; readonly host: HTMLElement }
  | {
    readonly kind: 'frames';
    /** Whoever gets a picture closes it. */
    readonly take: (picture: ImageBitmap) => void;
    /** No wider than it has to be for so many pixels; none is the camera's own size. */
    readonly width_px: number | null;
  };

/** A page out of sight paints nothing; pictures are not to wait for it. */
const PAINT_MS = 100;

/** Drawn on a canvas, which gets the picture's size. */
export function onCanvas(canvas: HTMLCanvasElement | OffscreenCanvas): Target {
  const context = canvas.getContext('2d', { alpha: false });
  if (context === null || !('drawImage' in context)) {
    throw new Error('this browser has no 2d canvas');
  }
  return (picture) => {
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    context.drawImage(picture, 0, 0);
    picture.close();
    return painted();
  };
}

/** Handed over, one for each time the screen is painted. */
export function handedTo(take: (picture: ImageBitmap) => void): Target {
  return (picture) => {
    take(picture);
    return painted();
  };
}

/** After the next time the screen is painted. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PAINT_MS);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
