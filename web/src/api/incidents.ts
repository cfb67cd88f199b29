// Times without pictures, and what happened to the server itself.

import { getJson } from './client.ts';
import { given } from './routes.ts';
import type { Outcome, Schema } from './types.ts';

/** `camera` is null for the server itself; `words` are the last lines of the camera program. */
export type Incident = Omit<Schema<'IncidentView'>, 'board'>;

export type IncidentPart = {
  readonly camera: string;
  readonly isOpen: boolean;
  readonly before: number | null;
  readonly limit: number;
};

export function getIncidents(part: IncidentPart, signal: AbortSignal): Promise<Outcome<Incident[]>> {
  const query = { open: part.isOpen, limit: part.limit, ...given({ before: part.before, camera: part.camera }) };
  return getJson('/api/v1/incidents', { query }, (body) => body.field('incidents').items().map((incident) => ({
    id: incident.field('id').number(),
    camera: incident.field('camera').optional((s) => s.string()),
    began: incident.field('began').string(),
    ended: incident.field('ended').optional((s) => s.string()),
    cause: incident.field('cause').string(),
    message: incident.field('message').string(),
    advice: incident.field('advice').string(),
    detail: incident.field('detail').string(),
    words: incident.field('words').items().map((line) => line.string()),
    restarts: incident.field('restarts').number(),
    steps: incident.field('steps').items().map((step) => ({
      at: step.field('at').string(),
      what: step.field('what').string(),
    })),
  })), signal);
}
