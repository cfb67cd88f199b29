// What the server's API says, as the page uses it: parts of the types in schema.ts, which are made from the server's own
// document (`scripts/schema`). What is read here and is not there any more does not compile.

import type { components } from './schema.ts';

type Schemas = components['schemas'];

export type Schema<Name extends keyof Schemas> = Schemas[Name];

/** Some fields of what the API calls so. */
export type Part<Name extends keyof Schemas, Field extends keyof Schemas[Name]> = Readonly<Pick<Schemas[Name], Field>>;

/** Addresses are relative to the page; `message` is the server's own plain sentence about the state. */
export type Camera = Part<
  'CameraView',
  | 'id' | 'name' | 'source' | 'state' | 'message' | 'cause' | 'since' | 'width_px' | 'height_px' | 'framerate' | 'newest_frame_age_ms'
  | 'frames' | 'viewers' | 'stream' | 'snapshot'
>;

export type CameraState = Camera['state'];

export type Cameras = Part<'CameraList', 'viewers' | 'max_viewers'> & { readonly cameras: readonly Camera[] };

/** Why there is no answer to use. */
export type Failure =
  | { readonly reason: 'unreachable' }
  | { readonly reason: 'full'; readonly detail: string }
  | { readonly reason: 'refused'; readonly status: number; readonly detail: string }
  | { readonly reason: 'unreadable'; readonly detail: string };

export type Outcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Who is at the page, and how it was let in; `nothing` where login is off. */
export type Session = Schemas['SessionInfo'];
