// Talks to the server. Nothing here throws: every call ends as ok, aborted or failed.

import { childOf } from './abort.ts';
import { parseCameras } from './cameras.ts';
import { Shape, ShapeError } from './shape.ts';
import type { Cameras, Failure, Outcome, Session } from './types.ts';

/** Past this the server counts as unreachable; it answers within milliseconds. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A snapshot may have to start the camera first. */
const SNAPSHOT_TIMEOUT_MS = 20_000;
/** A change may wait for the camera to start again with it. */
const CHANGE_TIMEOUT_MS = 30_000;

export async function getCameras(signal: AbortSignal): Promise<Outcome<Cameras>> {
  return request('api/v1/cameras', signal, ANSWER_TIMEOUT_MS, async (response) =>
    parseCameras(await response.json()),
  );
}

export async function getSnapshot(url: string, signal: AbortSignal): Promise<Outcome<Blob>> {
  return request(url, signal, SNAPSHOT_TIMEOUT_MS, (response) => response.blob());
}

/** Who is at the page, by the server's word. */
export async function getSession(signal: AbortSignal): Promise<Outcome<Session>> {
  return request('api/v1/session', signal, ANSWER_TIMEOUT_MS, async (response) => {
    const body = new Shape(await response.json());
    return {
      name: body.field('name').string(),
      role: body.field('role').oneOf(['viewer', 'operator', 'admin'] as const),
      cameras: body.field('cameras').optional((list) => list.items().map((id) => id.string())),
      login: body.field('login').flag(),
      by: body.field('by').oneOf(['session', 'password', 'token', 'link', 'nothing'] as const),
    };
  });
}

/** Asks for JSON and checks it. */
export async function getJson<T>(url: string, read: (body: Shape) => T, signal: AbortSignal): Promise<Outcome<T>> {
  return request(url, signal, ANSWER_TIMEOUT_MS, async (response) => read(new Shape(await response.json())));
}

export type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Sends something that changes something. What the server answers beside yes or no is not looked at. */
export async function send(method: Method, url: string, body: unknown, signal: AbortSignal): Promise<Outcome<null>> {
  return request(url, signal, CHANGE_TIMEOUT_MS, () => Promise.resolve(null), written(method, body));
}

/** The same for an answer that matters. */
export async function sendFor<T>(
  method: Method,
  url: string,
  body: unknown,
  read: (body: Shape) => T,
  signal: AbortSignal,
  /** The state it is meant for, where the server asks for that. */
  etag?: string,
): Promise<Outcome<T>> {
  const parse = async (response: Response): Promise<T> => read(new Shape(await response.json()));
  return request(url, signal, CHANGE_TIMEOUT_MS, parse, written(method, body, etag));
}

/** The same for a picture. */
export async function sendForPicture(url: string, body: unknown, signal: AbortSignal): Promise<Outcome<Blob>> {
  return request(url, signal, CHANGE_TIMEOUT_MS, (response) => response.blob(), written('POST', body));
}

/** `null` is no body. */
function written(method: Method, body: unknown, etag?: string): RequestInit {
  const headers = { 'content-type': 'application/json', ...(etag === undefined ? {} : { 'if-match': `"${etag}"` }) };
  return body === null ? { method } : { method, body: JSON.stringify(body), headers };
}

/** Asks why a stream does not come: an `<img>` never tells. Hangs up as soon as the answer's head is here. */
export async function probeStream(url: string, signal: AbortSignal): Promise<Outcome<null>> {
  return probe(url, signal);
}

/** Asks only whether there is an answer, and if not, why. */
export async function probe(url: string, signal: AbortSignal): Promise<Outcome<null>> {
  return request(url, signal, ANSWER_TIMEOUT_MS, () => Promise.resolve(null));
}

/** Any call; `read` makes of an answer that is no refusal what it is. */
export async function request<T>(
  url: string,
  signal: AbortSignal,
  timeout_ms: number,
  read: (response: Response) => Promise<T>,
  init: RequestInit = {},
): Promise<Outcome<T>> {
  // Aborted at the end in any case: a body nobody reads would keep a viewer's place.
  const call = childOf(signal);
  const timeout = setTimeout(() => { call.abort(); }, timeout_ms);
  try {
    const response = await fetch(url, { ...init, cache: 'no-store', signal: call.signal });
    if (!response.ok) {
      return { kind: 'failed', failure: await refusal(response) };
    }
    return { kind: 'ok', value: await read(response) };
  } catch (error) {
    if (signal.aborted) {
      return { kind: 'aborted' };
    }
    return { kind: 'failed', failure: whatFailed(error) };
  } finally {
    clearTimeout(timeout);
    call.abort();
  }
}

function whatFailed(error: unknown): Failure {
  if (error instanceof ShapeError || error instanceof SyntaxError) {
    return { reason: 'unreadable', detail: error.message };
  }
  return { reason: 'unreachable' };
}

/** Errors are `application/problem+json`; the 503 of a full server is plain text. */
async function refusal(response: Response): Promise<Failure> {
  const type = response.headers.get('content-type') ?? '';
  const body = await response.text();
  if (response.status === 503 && type.startsWith('text/plain')) {
    return { reason: 'full', detail: body.trim() };
  }
  return { reason: 'refused', status: response.status, detail: sentence(type, body) };
}

function sentence(type: string, body: string): string {
  if (!type.startsWith('application/problem+json')) {
    return '';
  }
  try {
    const problem = new Shape(JSON.parse(body));
    const read = (s: Shape): string => s.string();
    return problem.field('detail').optional(read) ?? problem.field('title').optional(read) ?? '';
  } catch {
    return '';
  }
}
