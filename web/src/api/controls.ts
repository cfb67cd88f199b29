// What can be set of a camera, and what was.

import { getJson, send, sendFor } from './client.ts';
import type { Shape } from './shape.ts';
import type { Outcome, Part, Schema } from './types.ts';

const KINDS = ['flag', 'number', 'choice', 'pair', 'area'] as const satisfies readonly Schema<'KindView'>[];

/** What `default` and `value` are depends on the kind. */
export type Control = Schema<'ControlView'>;

export type Controls = Part<'ControlsView', 'controls' | 'state' | 'message'> & {
  /** Width to height of the sensor: what zoom, pan and tilt are counted in. */
  readonly sensorRatio: number;
  /** Names of what was set. */
  readonly wanted: readonly string[];
};

export type Patch = Readonly<Record<string, unknown>>;

export function parseControls(body: Shape): Controls {
  return {
    controls: body.field('controls').items().map((control) => ({
      name: control.field('name').string(),
      kind: control.field('kind').oneOf(KINDS),
      least: control.field('least').optional((s) => s.number()),
      most: control.field('most').optional((s) => s.number()),
      whole: control.field('whole').flag(),
      unit: control.field('unit').string(),
      choices: control.field('choices').items().map((word) => word.string()),
      default: control.field('default').raw(),
      value: control.field('value').raw(),
      about: control.field('about').string(),
    })),
    sensorRatio: ratioOf(body.field('sensor').items().map((side) => side.number())),
    wanted: body.field('wanted').entries().map(([name]) => name),
    state: body.field('state').oneOf(['applied', 'pending', 'refused'] as const),
    message: body.field('message').optional((s) => s.string()),
  };
}

function ratioOf([width = 4, height = 3]: readonly number[]): number {
  return width > 0 && height > 0 ? width / height : 4 / 3;
}

function of(camera: string, rest: string): string {
  return `api/v1/cameras/${encodeURIComponent(camera)}/${rest}`;
}

export async function getControls(camera: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return getJson(of(camera, 'controls'), parseControls, signal);
}

/** `null` takes a control back. Answers when the camera gives pictures with it, or will not. */
export async function setControls(camera: string, patch: Patch, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('PATCH', of(camera, 'controls?wait_s=15'), patch, parseControls, signal);
}

export async function resetControls(camera: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('DELETE', of(camera, 'controls?wait_s=15'), null, parseControls, signal);
}

/** Names of the presets, in their order. */
export async function getPresets(camera: string, signal: AbortSignal): Promise<Outcome<readonly string[]>> {
  return getJson(of(camera, 'presets'), (body) => body.field('presets').entries().map(([name]) => name), signal);
}

/** Keeps what is set now. */
export async function keepPreset(camera: string, name: string, signal: AbortSignal): Promise<Outcome<null>> {
  return send('PUT', of(camera, `presets/${encodeURIComponent(name)}`), {}, signal);
}

export async function forgetPreset(camera: string, name: string, signal: AbortSignal): Promise<Outcome<null>> {
  return send('DELETE', of(camera, `presets/${encodeURIComponent(name)}`), null, signal);
}

export async function applyPreset(camera: string, name: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('POST', of(camera, `presets/${encodeURIComponent(name)}/apply?wait_s=15`), null, parseControls, signal);
}

/** An address that shows this to whoever has it, relative to the page. */
export async function shareLink(
  camera: string,
  what: 'stream' | 'snapshot',
  expires_in_s: number,
  signal: AbortSignal,
): Promise<Outcome<string>> {
  return sendFor('POST', 'api/v1/links', { camera, what, expires_in_s }, (body) => body.field('address').string(), signal);
}
