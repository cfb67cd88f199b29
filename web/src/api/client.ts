// Talks to the server. Nothing here throws: every call ends as ok, aborted or failed.

import { childOf } from './abort.ts';
import { parseCameras } from './cameras.ts';
import { addressOf, type Answer, type Asked, type Method, type Path, type Where } from './routes.ts';
import { Shape, ShapeError } from './shape.ts';
import type { Cameras, Failure, Outcome, Session } from './types.ts';

/** Past this the server counts as unreachable; it answers within milliseconds. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A snapshot may have to start the camera first. */
const SNAPSHOT_TIMEOUT_MS = 20_000;
/** A change may wait for the camera to start again with it. */
const CHANGE_TIMEOUT_MS = 30_000;

export async function getCameras(signal: AbortSignal): Promise<Outcome<Cameras>> {
  return getJson('/api/v1/cameras', {}, parseCameras, signal);
}

export async function getSnapshot(url: string, signal: AbortSignal): Promise<Outcome<Blob>> {
  return request(url, signal, SNAPSHOT_TIMEOUT_MS, (response) => response.blob());
}

/** Who is at the page, by the server's word. */
export async function getSession(signal: AbortSignal): Promise<Outcome<Session>> {
  return getJson('/api/v1/session', {}, (body) => ({
    name: body.field('name').string(),
    role: body.field('role').oneOf(['viewer', 'operator', 'admin']),
    cameras: body.field('cameras').optional((list) => list.items().map((id) => id.string())),
    login: body.field('login').flag(),
    by: body.field('by').oneOf(['session', 'password', 'token', 'link', 'nothing']),
  }), signal);
}

/** Asks for JSON and checks it. */
export async function getJson<P extends Path<'GET'>, T>(
  path: P,
  where: Where<'GET', P>,
  read: (body: Shape<Answer<'GET', P>>) => T,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const parse = async (response: Response): Promise<T> => read(new Shape(await response.json()));
  return request(addressOf('GET', path, where), signal, ANSWER_TIMEOUT_MS, parse);
}

export type Change = Exclude<Method, 'GET'>;

/** Sends something that changes something. What the server answers beside yes or no is not looked at. */
export async function send<M extends Change, P extends Path<M>>(
  method: M,
  path: P,
  asked: Asked<M, P>,
  signal: AbortSignal,
): Promise<Outcome<null>> {
  return request(addressOf(method, path, asked), signal, CHANGE_TIMEOUT_MS, () => Promise.resolve(null), written(method, asked));
}

/** The same for an answer that matters. */
export async function sendFor<M extends Change, P extends Path<M>, T>(
  method: M,
  path: P,
  asked: Asked<M, P>,
  read: (body: Shape<Answer<M, P>>) => T,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const parse = async (response: Response): Promise<T> => read(new Shape(await response.json()));
  return request(addressOf(method, path, asked), signal, CHANGE_TIMEOUT_MS, parse, written(method, asked));
}

/** The same for a picture. */
export async function sendForPicture<P extends Path<'POST'>>(path: P, asked: Asked<'POST', P>, signal: AbortSignal): Promise<Outcome<Blob>> {
  return request(addressOf('POST', path, asked), signal, CHANGE_TIMEOUT_MS, (response) => response.blob(), written('POST', asked));
}

function written(method: Method, { body, etag }: { readonly body?: unknown; readonly etag?: string }): RequestInit {
  const headers = { 'content-type': 'application/json', ...(etag === undefined ? {} : { 'if-match': `"${etag}"` }) };
  return body === undefined ? { method } : { method, body: JSON.stringify(body), headers };
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
