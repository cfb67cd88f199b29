// The pictures of one camera, decoded, one after the other as they arrive. A WebSocket says when there is a new one, which
// an `<img>` never does: so the scene is drawn for each picture and not 60 times a second.

import { childOf } from '../api/abort.ts';
import { probeStream } from '../api/client.ts';
import type { PlayerState } from '../player/player.ts';
import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import { HEAD_BYTES, parseHead } from './head.ts';

/** A camera that has to start first may take a while. */
const FIRST_PICTURE_TIMEOUT_MS = 20_000;
/** A connection without a picture for so many frame times, and this long at least, is dead. */
const SILENCE_MS = 8_000;
const SILENCE_FRAMES = 5;
const LOOK_MS = 1_000;

export type Frame = { readonly bitmap: ImageBitmap; readonly captured_ms: number };

export interface FeedEvents {
  /** Whoever gets the bitmap closes it. */
  frame(frame: Frame): void;
  changed(): void;
}

export class Feed {
  private current: PlayerState = { kind: 'off' };
  private readonly pause = new Nap();
  private frame_ms = 0;
  /** When the newest picture came, by this machine's clock; none before the first one. */
  shownAt_ms: number | null = null;

  constructor(
    readonly camera: string,
    private readonly width_px: number | null,
    private readonly events: FeedEvents,
  ) {}

  get state(): PlayerState {
    return this.current;
  }

  expect(framerate: number): void {
    this.frame_ms = framerate > 0 ? 1_000 / framerate : 0;
  }

  retryNow(): void {
    if (this.current.kind === 'waiting') {
      this.pause.wake();
    }
  }

  /** For how long no picture has come although one should have; none if all is well. */
  silent_ms(now_ms: number): number | null {
    const since_ms = this.shownAt_ms === null ? 0 : now_ms - this.shownAt_ms;
    return since_ms > Math.max(1_500, this.frame_ms * SILENCE_FRAMES) ? since_ms : null;
  }

  /** Until aborted; comes back by itself after every failure. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      this.enter({ kind: 'connecting' });
      const played = await this.connect(signal, () => {
        backoff.reset();
        this.enter({ kind: 'playing' });
      });
      if (isOver(signal)) {
        break;
      }
      // A refused handshake does not say why; the same stream over HTTP does.
      const why = played ? null : await probeStream(`api/v1/cameras/${encodeURIComponent(this.camera)}/stream`, signal);
      const wait_ms = backoff.next();
      this.enter({
        kind: 'waiting',
        why: why?.kind === 'failed' ? why.failure : { reason: 'ended' },
        retryAt_ms: Date.now() + wait_ms,
      });
      await this.pause.sleep(wait_ms, signal);
    }
    this.enter({ kind: 'off' });
  }

  /** One connection, from its start to its end. Says whether there was a picture. */
  private async connect(parent: AbortSignal, started: () => void): Promise<boolean> {
    const call = childOf(parent);
    const { signal } = call;
    const socket = new WebSocket(this.address());
    socket.binaryType = 'arraybuffer';
    const wake = new Nap();
    let newest: ArrayBuffer | null = null;
    let open = true;
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === 'string') {
        open &&= !isEnd(data);
      } else {
        // The newest wins here too.
        newest = data;
      }
      wake.wake();
    };
    socket.onclose = socket.onerror = () => {
      open = false;
      wake.wake();
    };
    let silent_ms = 0;
    let played = false;
    const take = (): ArrayBuffer | null => {
      const message = newest;
      newest = null;
      return message;
    };
    const isOpen = (): boolean => open && !signal.aborted;
    while (isOpen()) {
      const message = take();
      if (message === null) {
        const silence_ms = played ? Math.max(SILENCE_MS, this.frame_ms * SILENCE_FRAMES) : FIRST_PICTURE_TIMEOUT_MS;
        if (silent_ms >= silence_ms) {
          break;
        }
        const since_ms = Date.now();
        await wake.sleep(LOOK_MS, signal);
        // A page that was busy with something else has not listened: that is not the line's silence.
        silent_ms += Math.min(Date.now() - since_ms, LOOK_MS);
        continue;
      }
      const frame = await decoded(message);
      if (frame === null) {
        continue;
      }
      if (!isOpen()) {
        frame.bitmap.close();
        break;
      }
      silent_ms = 0;
      this.shownAt_ms = Date.now();
      if (!played) {
        played = true;
        started();
      }
      this.events.frame(frame);
    }
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    call.abort();
    return played;
  }

  private address(): URL {
    const address = new URL('ws', document.baseURI);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    address.searchParams.set('camera', this.camera);
    address.searchParams.set('frames', 'binary');
    if (this.width_px !== null) {
      address.searchParams.set('width', String(this.width_px));
    }
    return address;
  }

  private enter(state: PlayerState): void {
    this.current = state;
    this.events.changed();
  }
}

/** One that cannot be decoded is left out: the next one is on its way. */
async function decoded(message: ArrayBuffer): Promise<Frame | null> {
  const head = parseHead(message);
  if (head === null) {
    return null;
  }
  const jpeg = new Blob([new Uint8Array(message, HEAD_BYTES)], { type: 'image/jpeg' });
  try {
    return { bitmap: await createImageBitmap(jpeg), captured_ms: head.captured_ms };
  } catch {
    return null;
  }
}

/** Asked anew after each wait. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** The server ended the subscription. */
function isEnd(text: string): boolean {
  try {
    const words: unknown = JSON.parse(text);
    return typeof words === 'object' && words !== null && 'event' in words && words.event === 'ended';
  } catch {
    return false;
  }
}
