// Times without pictures, and what happened to the server itself.

import { getJson } from './client.ts';
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
  const query = new URLSearchParams({ open: String(part.isOpen), limit: String(part.limit) });
  if (part.camera !== '') {
    query.set('camera', part.camera);
  }
  if (part.before !== null) {
    query.set('before', String(part.before));
  }
  return getJson(`api/v1/incidents?${query.toString()}`, (body) => body.field('incidents').items().map((incident) => ({
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
