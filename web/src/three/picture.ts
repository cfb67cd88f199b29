// A camera's picture on the GPU: one texture for every screen that shows it.

import { LinearFilter, LinearMipmapLinearFilter, SRGBColorSpace, Texture } from 'three';

export class LivePicture {
  readonly texture = new Texture<ImageBitmap>();
  /** Width divided by height; none before the first picture. */
  ratio: number | null = null;
  frames = 0;
  private bitmap: ImageBitmap | null = null;

  constructor(anisotropy: number) {
    // A JPEG's numbers are sRGB: without this the GPU takes them for light, and the picture is pale.
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.minFilter = LinearMipmapLinearFilter;
    this.texture.magFilter = LinearFilter;
    this.texture.anisotropy = anisotropy;
    // The first row is at v = 0, as in glTF.
    this.texture.flipY = false;
  }

  /** Takes the bitmap over. Says whether its proportions are new. */
  show(bitmap: ImageBitmap): boolean {
    const before = this.bitmap;
    this.bitmap = bitmap;
    const isOtherSize = before !== null && (before.width !== bitmap.width || before.height !== bitmap.height);
    if (isOtherSize) {
      // Its place on the GPU has a fixed size.
      this.texture.dispose();
    }
    before?.close();
    this.texture.image = bitmap;
    this.texture.needsUpdate = true;
    this.frames += 1;
    const ratio = bitmap.width / bitmap.height;
    const isOther = ratio !== this.ratio;
    this.ratio = ratio;
    return isOther;
  }

  dispose(): void {
    this.texture.dispose();
    this.bitmap?.close();
    this.bitmap = null;
  }
}
