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

export function parseControls(body: Shape<Schema<'ControlsView'>>): Controls {
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
    state: body.field('state').oneOf(['applied', 'pending', 'refused']),
    message: body.field('message').optional((s) => s.string()),
  };
}

function ratioOf([width = 4, height = 3]: readonly number[]): number {
  return width > 0 && height > 0 ? width / height : 4 / 3;
}

const CONTROLS = '/api/v1/cameras/{id}/controls';
const PRESET = '/api/v1/cameras/{id}/presets/{name}';
/** As long as a camera may take to start with it. */
const wait = { wait_s: 15 };

export async function getControls(id: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return getJson(CONTROLS, { path: { id } }, parseControls, signal);
}

/** `null` takes a control back. Answers when the camera gives pictures with it, or will not. */
export async function setControls(id: string, patch: Patch, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('PATCH', CONTROLS, { path: { id }, query: wait, body: patch }, parseControls, signal);
}

export async function resetControls(id: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('DELETE', CONTROLS, { path: { id }, query: wait }, parseControls, signal);
}

/** Names of the presets, in their order. */
export async function getPresets(id: string, signal: AbortSignal): Promise<Outcome<readonly string[]>> {
  const names = (body: Shape<Schema<'PresetList'>>): string[] => body.field('presets').entries().map(([name]) => name);
  return getJson('/api/v1/cameras/{id}/presets', { path: { id } }, names, signal);
}

/** Keeps what is set now. */
export async function keepPreset(id: string, name: string, signal: AbortSignal): Promise<Outcome<null>> {
  return send('PUT', PRESET, { path: { id, name }, body: {} }, signal);
}

export async function forgetPreset(id: string, name: string, signal: AbortSignal): Promise<Outcome<null>> {
  return send('DELETE', PRESET, { path: { id, name } }, signal);
}

export async function applyPreset(id: string, name: string, signal: AbortSignal): Promise<Outcome<Controls>> {
  return sendFor('POST', `${PRESET}/apply`, { path: { id, name }, query: wait }, parseControls, signal);
}

/** An address that shows this to whoever has it, relative to the page. */
export async function shareLink(
  camera: string,
  what: 'stream' | 'snapshot',
  expires_in_s: number,
  signal: AbortSignal,
): Promise<Outcome<string>> {
  return sendFor('POST', '/api/v1/links', { body: { camera, what, expires_in_s } }, (body) => body.field('address').there().string(), signal);
}
