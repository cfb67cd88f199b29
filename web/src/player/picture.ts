// The place where the picture is: an `<img>` while a stream runs, and below it a canvas with the last picture seen, so
// that a lost connection leaves the old picture in place instead of a hole. Who draws by itself gets copies of it.

/** The fingerprint looks at this many pixels; bilinear scaling keeps enough of the sensor's noise. */
const PROBE_WIDTH_PX = 24;
const PROBE_HEIGHT_PX = 18;

export class Picture {
  private readonly held: CanvasRenderingContext2D;
  private readonly probe: CanvasRenderingContext2D;
  private description = '';
  private image: HTMLImageElement | null = null;
  private isOver = false;
  private given: number | null = null;
  /** When the held picture was on the screen; none before the first one. */
  heldAt_ms: number | null = null;

  constructor(
    private readonly frame: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly take: ((picture: ImageBitmap) => void) | null,
  ) {
    this.held = context(canvas, false);
    const probe = document.createElement('canvas');
    probe.width = PROBE_WIDTH_PX;
    probe.height = PROBE_HEIGHT_PX;
    this.probe = context(probe, true);
  }

  /** A fresh element for each connection: no event of an old one can reach it. */
  open(url: string): HTMLImageElement {
    this.close();
    const image = document.createElement('img');
    image.alt = this.description;
    image.decoding = 'async';
    image.src = url;
    this.image = image;
    this.frame.append(image);
    return image;
  }

  /** For those who cannot see the picture. */
  describe(text: string): void {
    this.description = text;
    if (this.image !== null && this.image.alt !== text) {
      this.image.alt = text;
    }
  }

  /** Hangs up. Removing the element alone would leave some browsers reading. */
  close(): void {
    if (this.image === null) {
      return;
    }
    this.image.removeAttribute('src');
    this.image.remove();
    this.image = null;
  }

  /** Keeps a copy of what is shown and returns its fingerprint; none if nothing is shown. */
  sample(now_ms: number): number | null {
    const image = this.image;
    if (image === null || image.naturalWidth === 0) {
      return null;
    }
    if (this.canvas.width !== image.naturalWidth || this.canvas.height !== image.naturalHeight) {
      this.canvas.width = image.naturalWidth;
      this.canvas.height = image.naturalHeight;
    }
    try {
      this.held.drawImage(image, 0, 0);
    } catch {
      // The element is in its broken state: what is held stays.
      return null;
    }
    this.heldAt_ms = now_ms;
    this.probe.drawImage(this.canvas, 0, 0, PROBE_WIDTH_PX, PROBE_HEIGHT_PX);
    const seen = fingerprint(this.probe.getImageData(0, 0, PROBE_WIDTH_PX, PROBE_HEIGHT_PX).data);
    if (seen !== this.given) {
      this.given = seen;
      void this.give();
    }
    return seen;
  }

  /** Somebody takes each picture: it has to be looked for more often. */
  get isTaken(): boolean {
    return this.take !== null;
  }

  /** Shows a picture that came by itself. */
  hold(picture: ImageBitmap, now_ms: number): void {
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
      this.canvas.width = picture.width;
      this.canvas.height = picture.height;
    }
    this.held.drawImage(picture, 0, 0);
    this.heldAt_ms = now_ms;
    void this.give();
  }

  /** Nobody takes pictures any more. */
  dispose(): void {
    this.isOver = true;
    this.close();
  }

  private async give(): Promise<void> {
    const copy = this.take === null ? null : await createImageBitmap(this.canvas).catch(() => null);
    if (this.take === null || this.isOver) {
      copy?.close();
    } else if (copy !== null) {
      this.take(copy);
    }
  }
}

function context(canvas: HTMLCanvasElement, willReadFrequently: boolean): CanvasRenderingContext2D {
  const found = canvas.getContext('2d', { willReadFrequently });
  if (found === null) {
    throw new Error('this browser has no 2d canvas');
  }
  return found;
}

/** FNV-1a over 32 bits. */
function fingerprint(bytes: Uint8ClampedArray): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
