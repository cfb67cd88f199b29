// The server's part of the 3D view: what people brought, and what stands where.

import { getJson, request, sendFor } from '../api/client.ts';
import { addressOf } from '../api/routes.ts';
import { ShapeError } from '../api/shape.ts';
import type { Outcome } from '../api/types.ts';
import { parseSite, type Site } from './layout.ts';

export type PieceName = 'model' | 'background' | 'house' | 'plan';

export type Piece = { readonly name: PieceName; readonly bytes: number; readonly version: string };

const NAMES: readonly PieceName[] = ['model', 'background', 'house', 'plan'];
const PIECE = '/api/v1/three/{name}';
const ANSWER_TIMEOUT_MS = 5_000;
/** Tens of megabytes over a thin line. */
const FILE_TIMEOUT_MS = 300_000;

export function getPieces(signal: AbortSignal): Promise<Outcome<Piece[]>> {
  return getJson('/api/v1/three', {}, (body) => body.field('pieces').items().map((piece) => ({
    name: piece.field('name').oneOf(NAMES),
    bytes: piece.field('bytes').number(),
    version: piece.field('version').string(),
  })), signal);
}

/** Where one piece is. */
export function pieceAddress({ name, version }: Piece): string {
  // Another version has another address.
  return `${addressOf('GET', PIECE, { path: { name } })}?v=${version}`;
}

export function getBytes(url: string, signal: AbortSignal): Promise<Outcome<ArrayBuffer>> {
  return request(url, signal, FILE_TIMEOUT_MS, async (response) => {
    if (response.status === 204) {
      throw new ShapeError('it is not there any more');
    }
    return response.arrayBuffer();
  });
}

export function putPiece(name: PieceName, file: Blob, signal: AbortSignal): Promise<Outcome<null>> {
  const init = { method: 'PUT', body: file, headers: { 'content-type': 'application/octet-stream' } };
  return request(addressOf('PUT', PIECE, { path: { name } }), signal, FILE_TIMEOUT_MS, () => Promise.resolve(null), init);
}

export function removePiece(name: PieceName, signal: AbortSignal): Promise<Outcome<null>> {
  const init = { method: 'DELETE' };
  return request(addressOf('DELETE', PIECE, { path: { name } }), signal, ANSWER_TIMEOUT_MS, () => Promise.resolve(null), init);
}

export function getSite(signal: AbortSignal): Promise<Outcome<Site>> {
  return getJson('/api/v1/three/site', {}, parseSite, signal);
}

export function putSite(site: Site, signal: AbortSignal): Promise<Outcome<Site>> {
  return sendFor('PUT', '/api/v1/three/site', { body: site }, parseSite, signal);
}
