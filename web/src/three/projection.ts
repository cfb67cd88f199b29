// A projector: throws a camera's picture from where the camera is onto whatever stands there, and not through it.

import {
  DepthTexture,
  DoubleSide,
  Matrix4,
  Mesh,
  NearestFilter,
  type Object3D,
  type PerspectiveCamera,
  ShaderMaterial,
  Vector2,
  type WebGLRenderer,
  WebGLRenderTarget,
} from 'three';

import type { LivePicture } from './picture.ts';

/** What is drawn above other things is on this layer: lenses do not see it. */
export const OVERLAY_LAYER = 1;
const DEPTH_PX = 512;

const VERTEX = `
uniform mat4 lens;
varying vec4 thrown;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  thrown = lens * world;
  gl_Position = projectionMatrix * viewMatrix * world;
}`;

const FRAGMENT = `
uniform sampler2D picture;
uniform sampler2D depths;
uniform vec2 range;
uniform float doubt;
varying vec4 thrown;
float metres(float depth) {
  return range.x * range.y / (range.y - depth * (range.y - range.x));
}
void main() {
  vec3 p = thrown.xyz / thrown.w * 0.5 + 0.5;
  if (thrown.w <= 0.0 || any(lessThan(p, vec3(0.0))) || any(greaterThan(p, vec3(1.0)))) discard;
  float far = metres(p.z);
  if (far > metres(texture2D(depths, p.xy).r) + 0.04 + far * 0.012) discard;
  vec3 seen = texture2D(picture, vec2(p.x, 1.0 - p.y)).rgb;
  vec2 edge = min(p.xy, 1.0 - p.xy);
  float soft = smoothstep(0.0, 0.02, min(edge.x, edge.y));
  float grey = dot(seen, vec3(0.2126, 0.7152, 0.0722)) * 0.12;
  gl_FragColor = vec4(mix(seen, vec3(grey), doubt), 0.94 * soft);
  #include <colorspace_fragment>
}`;

export class Projection {
  private readonly depths = new WebGLRenderTarget(DEPTH_PX, DEPTH_PX, {
    depthTexture: new DepthTexture(DEPTH_PX, DEPTH_PX),
    minFilter: NearestFilter,
    magFilter: NearestFilter,
  });
  private readonly matrix = new Matrix4();
  private readonly range = new Vector2(0.1, 10);
  private readonly material: ShaderMaterial;
  private overlays: Mesh[] = [];
  private isOld = true;

  constructor(private readonly lens: PerspectiveCamera) {
    this.material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: {
        picture: { value: null },
        depths: { value: this.depths.depthTexture },
        lens: { value: this.matrix },
        range: { value: this.range },
        doubt: { value: 1 },
      },
      side: DoubleSide,
      transparent: true,
      depthWrite: false,
      polygonOffset: true,
      polygonOffsetFactor: -2,
      polygonOffsetUnits: -2,
      toneMapped: false,
    });
  }

  /** The meshes below this; the same again for others. */
  onto(ground: Object3D): void {
    this.off();
    const meshes: Mesh[] = [];
    ground.traverse((object) => {
      if (object instanceof Mesh && object.layers.isEnabled(0)) {
        meshes.push(object as Mesh);
      }
    });
    this.overlays = meshes.map((mesh) => {
      const overlay = new Mesh(mesh.geometry, this.material);
      overlay.layers.set(OVERLAY_LAYER);
      mesh.add(overlay);
      return overlay;
    });
    this.isOld = true;
  }

  /** The lens was moved or changed. */
  aim(): void {
    this.lens.updateMatrixWorld(true);
    this.matrix.multiplyMatrices(this.lens.projectionMatrix, this.lens.matrixWorldInverse);
    this.range.set(this.lens.near, this.lens.far);
    this.isOld = true;
  }

  show(picture: LivePicture | null, doubt: boolean): void {
    const { picture: place, doubt: dark } = this.material.uniforms;
    if (place !== undefined && dark !== undefined) {
      place.value = picture?.texture ?? null;
      dark.value = doubt ? 1 : 0;
    }
    this.material.visible = picture !== null;
  }

  /** How far everything is from the lens, if that may have changed. */
  look(renderer: WebGLRenderer, ground: Object3D): void {
    if (!this.isOld) {
      return;
    }
    this.isOld = false;
    const before = renderer.getRenderTarget();
    renderer.setRenderTarget(this.depths);
    renderer.clear();
    renderer.render(ground, this.lens);
    renderer.setRenderTarget(before);
  }

  /** Before the meshes go. */
  off(): void {
    for (const overlay of this.overlays) {
      overlay.removeFromParent();
    }
    this.overlays = [];
  }

  dispose(): void {
    this.off();
    this.material.dispose();
    this.depths.depthTexture?.dispose();
    this.depths.dispose();
  }
}
