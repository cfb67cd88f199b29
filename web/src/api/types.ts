// What the server's API says, as the page uses it. Names and units are those of the wire.

export type CameraState = 'idle' | 'starting' | 'live' | 'stalled' | 'failed';

export type Camera = {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly state: CameraState;
  /** The server's own plain sentence about this state; none when there is nothing to say. */
  readonly message: string | null;
  /** The same as a word for programs. */
  readonly cause: string | null;
  readonly since: string;
  readonly width_px: number | null;
  readonly height_px: number | null;
  readonly framerate: number;
  /** Age of the newest frame when the server answered; none before the first frame. */
  readonly newest_frame_age_ms: number | null;
  readonly frames: number;
  readonly viewers: number;
  /** Addresses relative to the page. */
  readonly stream: string;
  readonly snapshot: string;
};

export type Cameras = {
  readonly cameras: readonly Camera[];
  readonly viewers: number;
  readonly max_viewers: number;
};

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
export type Session = {
  readonly name: string;
  readonly role: 'viewer' | 'operator' | 'admin';
  /** Ids of the cameras that may be seen; null is every one. */
  readonly cameras: readonly string[] | null;
  readonly by: 'session' | 'password' | 'token' | 'link' | 'nothing';
  /** Whether one has to log in at all. */
  readonly login: boolean;
};
