// The newest lines of the server's log.

import { getJson } from './client.ts';
import { given } from './routes.ts';
import type { Outcome } from './types.ts';

export const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type Level = (typeof LEVELS)[number];

export type LogLine = {
  readonly id: number;
  readonly time: string;
  readonly level: string;
  readonly target: string;
  readonly message: string;
  readonly camera: string | null;
  readonly request: string | null;
  /** What else it says, as name and value. */
  readonly fields: readonly (readonly [string, string])[];
};

function word(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function getLog(level: Level, camera: string, signal: AbortSignal): Promise<Outcome<LogLine[]>> {
  const query = { lines: 500, level, ...given({ camera }) };
  return getJson('/api/v1/logs', { query }, (body) => body.field('lines').items().map((line) => ({
    id: line.field('id').number(),
    time: line.field('time').string(),
    level: line.field('level').string(),
    target: line.field('target').string(),
    message: line.field('message').string(),
    camera: line.field('camera').optional((shape) => shape.string()),
    request: line.field('request').optional((shape) => shape.string()),
    fields: line.field('fields').entries().map(([name, value]) => [name, word(value.raw())] as const),
  })), signal);
}

/** A line as text, for a mail or an issue. */
export function asText(line: LogLine): string {
  const about = line.camera === null || line.fields.some(([name]) => name === 'camera') ? [] : [['camera', line.camera] as const];
  const more = [...about, ...line.fields].map(([name, value]) => ` ${name}=${value}`).join('');
  return `${line.time} ${line.level.toUpperCase()} ${line.target}: ${line.message}${more}`;
}
