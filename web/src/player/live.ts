// The player of the page and of the 3D view: over a socket, which tells how old each picture is and costs the server least, and as
// MJPEG where no socket comes through.

import { childOf } from '../api/abort.ts';
import { MjpegPlayer } from './mjpeg.ts';
import { Picture } from './picture.ts';
import type { Player, PlayerState, Shown, Source, Wish } from './player.ts';
import type { Sink } from './sink.ts';
import { SocketPlayer } from './socket.ts';
import { StillsPlayer } from './stills.ts';

/** What does not let sockets through rarely changes its mind. One picture finds out for all. */
const BLOCKED_MS = 5 * 60_000;
let blockedUntil_ms = 0;

/** A browser opens six connections to a server (HTTP/1), and the rest of the page needs some: more streams than this stop it. */
const MOST_STREAMS = 4;
let streams = 0;

/** A reported age holds while reports keep coming; after that the picture grows older by itself. */
const FRESH_MS = 600;

export class LivePlayer implements Player {
  /** What sockets draw on; none where somebody else draws. */
  private readonly canvas: HTMLCanvasElement | null;
  private readonly host: HTMLElement;
  private readonly held = document.createElement('canvas');
  private readonly picture: Picture;
  private readonly socket: SocketPlayer;
  private readonly mjpeg: MjpegPlayer;
  private readonly stills: StillsPlayer;
  private way: 'socket' | 'mjpeg' | 'stills' = 'socket';
  private wished: Wish = {};
  private anew: AbortController | null = null;

  constructor(sink: Sink, changed: () => void) {
    // Where somebody else draws, a stream has its `<img>` all the same, out of sight.
    this.host = sink.kind === 'page' ? sink.host : document.createElement('div');
    this.held.setAttribute('aria-hidden', 'true');
    this.held.width = 4;
    this.held.height = 3;
    this.host.append(this.held);
    const to = sink.kind === 'page' ? moving(this.host) : sink.take;
    this.canvas = typeof to === 'function' ? null : to;
    this.picture = new Picture(this.host, this.held, typeof to === 'function' ? to : null);
    this.socket = new SocketPlayer(to, changed);
    this.mjpeg = new MjpegPlayer(this.picture, changed);
    this.stills = new StillsPlayer(this.picture, changed);
    this.show('socket');
  }

  get state(): PlayerState {
    if (this.way !== 'socket') {
      return this[this.way].state;
    }
    const { state } = this.socket;
    return state.kind === 'waiting' && state.why.reason === 'blocked'
      ? { ...state, why: { reason: 'ended' } }
      : (state as PlayerState);
  }

  get shown(): Shown | null {
    return this.way === 'socket' ? this.socket.shown : null;
  }

  /** Age of the picture on the screen; none where it is not known from the picture itself. */
  age_ms(): number | null {
    if (this.shown !== null) {
      const since_ms = performance.now() - this.shown.at_ms;
      return this.shown.age_ms + (since_ms < FRESH_MS ? 0 : since_ms);
    }
    const held_ms = this.picture.heldAt_ms;
    return (this.way === 'mjpeg' && this.state.kind === 'playing') || held_ms === null ? null : Date.now() - held_ms;
  }

  /** There is a picture, however old. */
  get hasPicture(): boolean {
    return this.way === 'socket' ? this.socket.shown !== null : this.picture.heldAt_ms !== null;
  }

  async play(source: Source, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (Date.now() >= blockedUntil_ms) {
        this.show('socket');
        if ((await this.socket.play(source.id, signal)) === 'blocked') {
          blockedUntil_ms = Date.now() + BLOCKED_MS;
        }
      } else if (streams < MOST_STREAMS) {
        this.show('mjpeg');
        this.anew = childOf(signal);
        streams += 1;
        await this.mjpeg.play(withWish(source.stream, this.wished), this.anew.signal);
        streams -= 1;
      } else {
        this.show('stills');
        this.anew = childOf(signal);
        const still = source.stream.replace(/stream$/, 'snapshot');
        const { width } = this.wished;
        await this.stills.play(withWish(still, width === undefined ? {} : { width }), this.anew.signal, () => streams < MOST_STREAMS);
      }
    }
  }

  wish(wish: Wish): void {
    if (wish.width === this.wished.width && wish.adapt === this.wished.adapt) {
      return;
    }
    this.wished = wish;
    this.socket.wish(wish);
    // A stream cannot be changed, only begun anew.
    this.anew?.abort();
  }

  retryNow(): void {
    this.socket.retryNow();
    this.mjpeg.retryNow();
    this.stills.retryNow();
  }

  checkNow(): void {
    this.socket.checkNow();
    this.mjpeg.checkNow();
  }

  expect(framerate: number): void {
    this.mjpeg.expect(framerate);
  }

  still_ms(now_ms: number): number | null {
    return this.way === 'mjpeg' ? this.mjpeg.still_ms(now_ms) : null;
  }

  /** For those who cannot see the picture. */
  describe(text: string): void {
    this.canvas?.setAttribute('aria-label', text);
    this.picture.describe(text);
  }

  dispose(): void {
    this.socket.dispose();
    this.picture.dispose();
    this.host.replaceChildren();
  }

  private show(way: typeof this.way): void {
    this.way = way;
    this.host.dataset.way = way;
    if (this.canvas !== null) {
      this.canvas.hidden = way !== 'socket';
    }
  }
}

function moving(host: HTMLElement): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.className = 'moving';
  canvas.setAttribute('role', 'img');
  // An empty canvas is 300 by 150; ours has no picture yet.
  canvas.width = 4;
  canvas.height = 3;
  host.append(canvas);
  return canvas;
}

function withWish(stream: string, { width, adapt }: Wish): string {
  const wishes = [
    ...(width === undefined ? [] : [`width=${width}`]),
    ...(adapt === false ? ['adapt=0'] : []),
  ];
  return wishes.length === 0 ? stream : `${stream}${stream.includes('?') ? '&' : '?'}${wishes.join('&')}`;
}
