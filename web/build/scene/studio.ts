// The light of the 3D view: a photographer's studio, computed, as a Radiance picture (RGBE with run lengths).
//
// The ground is a function of the height alone, and each lamp ends somewhere: so most of a row repeats itself.

const WIDTH_PX = 512;
const HEIGHT_PX = 256;

type Rgb = readonly [number, number, number];
/** A lamp: a rectangle with soft edges, in degrees around and above the horizon. 0 is in front of the screen. */
type Lamp = { readonly around: number; readonly above: number; readonly width: number; readonly height: number; readonly light: Rgb };

const ZENITH: Rgb = [0.3, 0.33, 0.38];
const HORIZON: Rgb = [0.82, 0.84, 0.87];
const FLOOR: Rgb = [0.3, 0.3, 0.31];
const LAMPS: readonly Lamp[] = [
  { around: -58, above: 38, width: 62, height: 34, light: [7.2, 6.9, 6.5] },
  { around: 62, above: 26, width: 40, height: 46, light: [3.6, 3.9, 4.4] },
  { around: 178, above: 52, width: 92, height: 20, light: [5.2, 5.3, 5.6] },
  { around: 4, above: 78, width: 120, height: 16, light: [3, 3, 3] },
];
/** Degrees over which a lamp fades. */
const SOFT = 9;

/** The whole file. */
export function studio(): Uint8Array {
  const head = new TextEncoder().encode(`#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y ${HEIGHT_PX} +X ${WIDTH_PX}\n`);
  const bytes: number[] = [...head];
  for (let y = 0; y < HEIGHT_PX; y += 1) {
    const above = 90 - ((y + 0.5) / HEIGHT_PX) * 180;
    const row = new Uint8Array(WIDTH_PX * 4);
    for (let x = 0; x < WIDTH_PX; x += 1) {
      const around = ((x + 0.5) / WIDTH_PX) * 360 - 180;
      row.set(rgbe(light(around, above)), x * 4);
    }
    bytes.push(2, 2, WIDTH_PX >> 8, WIDTH_PX & 255);
    for (let channel = 0; channel < 4; channel += 1) {
      bytes.push(...runs(row.filter((_, at) => at % 4 === channel)));
    }
  }
  return Uint8Array.from(bytes);
}

function light(around: number, above: number): Rgb {
  const up = Math.max(0, above / 90);
  const base = above >= 0
    ? mix(HORIZON, ZENITH, Math.pow(up, 0.6))
    : mix(HORIZON, FLOOR, Math.min(1, Math.pow(-above / 42, 0.7)));
  return LAMPS.reduce<Rgb>((sum, lamp) => {
    // Equirectangular rows shrink towards the zenith; a lamp there keeps its width on the sphere only if this is undone.
    const turn = Math.abs(((around - lamp.around + 540) % 360) - 180) * Math.cos((above * Math.PI) / 180);
    const share = edge(turn, lamp.width / 2) * edge(Math.abs(above - lamp.above), lamp.height / 2);
    return [sum[0] + lamp.light[0] * share, sum[1] + lamp.light[1] * share, sum[2] + lamp.light[2] * share];
  }, base);
}

function edge(distance: number, half: number): number {
  const t = Math.min(1, Math.max(0, (half + SOFT / 2 - distance) / SOFT));
  return t * t * (3 - 2 * t);
}

function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** Three mantissas and the exponent they share. */
function rgbe(light: Rgb): [number, number, number, number] {
  const exponent = Math.ceil(Math.log2(Math.max(...light) * (256 / 255)));
  const scale = 256 / 2 ** exponent;
  const [r, g, b] = light.map((value) => Math.min(255, Math.floor(value * scale)));
  return [r ?? 0, g ?? 0, b ?? 0, exponent + 128];
}

/** One channel of a row: a run is 128 + length and the value, anything else its length and the values. */
export function runs(values: Uint8Array): number[] {
  const out: number[] = [];
  let single: number[] = [];
  const flush = (): void => {
    if (single.length > 0) {
      out.push(single.length, ...single);
      single = [];
    }
  };
  for (let at = 0; at < values.length; ) {
    const value = values[at] ?? 0;
    let length = 1;
    while (length < 127 && values[at + length] === value) {
      length += 1;
    }
    if (length >= 3) {
      flush();
      out.push(128 + length, value);
    } else {
      for (let i = 0; i < length; i += 1) {
        single.push(value);
        if (single.length === 128) {
          flush();
        }
      }
    }
    at += length;
  }
  flush();
  return out;
}
