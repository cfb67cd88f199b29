// The surface that shows a picture: its own colours, whatever light the scene has, whole or filling the surface.

import { type BufferAttribute, type BufferGeometry, FrontSide, type InterleavedBufferAttribute, ShaderMaterial, type Side, Vector2 } from 'three';

import { type Fit, stretch, surfaceRatio, uvBounds } from './fit.ts';
import type { LivePicture } from './picture.ts';

const VERTEX = `
varying vec2 at;
void main() {
  at = uv;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

// Outside of the picture there is nothing: black bars. One nobody vouches for is grey and dark, as on the live page.
const FRAGMENT = `
uniform sampler2D picture;
uniform vec2 stretch;
uniform vec2 uvMin;
uniform vec2 uvSize;
uniform float doubt;
varying vec2 at;
void main() {
  vec2 p = ((at - uvMin) / uvSize - 0.5) * stretch + 0.5;
  vec2 inside = step(vec2(0.0), p) * step(p, vec2(1.0));
  vec3 seen = texture2D(picture, p).rgb * inside.x * inside.y;
  float grey = dot(seen, vec3(0.2126, 0.7152, 0.0722)) * 0.12;
  gl_FragColor = vec4(mix(seen, vec3(grey), doubt), 1.0);
  #include <colorspace_fragment>
}`;

/** Triangles of which the proportions are taken: a screen is simple, and anything else is not measured to the end. */
const MEASURED_INDICES = 3 * 4_096;

export class ScreenMaterial {
  readonly material: ShaderMaterial;
  private readonly ratio: number;

  constructor(geometry: BufferGeometry, side: Side = FrontSide, scale: readonly [number, number, number] = [1, 1, 1]) {
    const measured = measure(geometry, scale);
    this.ratio = measured.ratio;
    this.material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: {
        picture: { value: null },
        stretch: { value: new Vector2(1, 1) },
        uvMin: { value: new Vector2(...measured.min) },
        uvSize: { value: new Vector2(...measured.size) },
        doubt: { value: 0 },
      },
      side,
      toneMapped: false,
    });
  }

  show(picture: LivePicture | null, fit: Fit, doubt: boolean): void {
    const { uniforms } = this.material;
    set(uniforms, 'picture', picture?.texture ?? null);
    set(uniforms, 'doubt', doubt ? 1 : 0);
    const [x, y] = stretch(picture?.ratio ?? this.ratio, this.ratio, fit);
    const place: unknown = uniforms.stretch?.value;
    if (place instanceof Vector2) {
      place.set(x, y);
    }
  }

  dispose(): void {
    this.material.dispose();
  }
}

function set(uniforms: ShaderMaterial['uniforms'], name: string, value: unknown): void {
  const uniform = uniforms[name];
  if (uniform !== undefined) {
    uniform.value = value;
  }
}

type Measured = { readonly ratio: number; readonly min: [number, number]; readonly size: [number, number] };

/** Proportions of the surface that the whole picture would cover, and the coordinates of its corners. */
function measure(geometry: BufferGeometry, scale: readonly [number, number, number]): Measured {
  const uv = geometry.attributes.uv;
  const position = geometry.attributes.position;
  if (uv === undefined || position === undefined) {
    return { ratio: 4 / 3, min: [0, 0], size: [1, 1] };
  }
  const index = geometry.getIndex();
  const count = Math.min(index?.count ?? position.count, MEASURED_INDICES);
  const triangles = Array.from({ length: count }, (_, i) => index?.getX(i) ?? i);
  const uvs = numbers(uv, 2);
  const { min, size } = uvBounds(uvs);
  const positions = numbers(position, 3).map((value, i) => value * (scale[i % 3] ?? 1));
  const perUnit = surfaceRatio(positions, uvs, triangles);
  return { ratio: perUnit === null ? 4 / 3 : (perUnit * size[0]) / size[1], min, size };
}

function numbers(attribute: BufferAttribute | InterleavedBufferAttribute, size: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < attribute.count; i += 1) {
    for (let k = 0; k < size; k += 1) {
      out.push(attribute.getComponent(i, k));
    }
  }
  return out;
}
