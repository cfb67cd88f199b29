// One camera over one socket: pictures in, decoded, the newest only to whoever shows them. Runs in a worker where there is one,
// else in the page; knows neither.

import { childOf } from '../api/abort.ts';
import { probe } from '../api/client.ts';
import { addressOf } from '../api/routes.ts';
import { Backoff } from '../time/backoff.ts';
import { Nap } from '../time/nap.ts';
import { Clock } from './clock.ts';
import { HEAD_BYTES, type Head, Losses, readHead } from './head.ts';
import type { PlayerState, Shown, StreamEnd, Wish } from './player.ts';
import type { Target } from './sink.ts';

/** `blocked`: the server answers, but no socket comes about: something in between does not let it through. */
export type LineEnd = StreamEnd | { readonly reason: 'blocked' };
export type LineState = Exclude<PlayerState, { kind: 'waiting' }> | { readonly kind: 'waiting'; readonly why: LineEnd; readonly retryAt_ms: number };

/** What is on its way in a line. Pictures cannot queue up: one is drawn, the newest waits, and nothing behind it. */
export type LineFigures = {
  readonly received: number;
  readonly drawn: number;
  readonly waiting: number;
  readonly isDrawing: boolean;
  /** What the browser has not sent yet. */
  readonly unsent_bytes: number;
  /** Age of the last picture when it was on the screen. */
  readonly age_ms: number | null;
};

export type LineEvents = {
  readonly state: (state: LineState) => void;
  readonly shown: (shown: Omit<Shown, 'at_ms'>) => void;
};

/** A socket that has not said hello after this is not going to. */
const HELLO_MS = 6_000;
/** The server is asked for its time so often, which also shows that the line is alive. */
const CLOCK_EVERY_MS = 5_000;
/** Without a word for so long the line is dead: the network changed, or the machine slept. */
const SILENCE_MS = 12_000;
/** More often than this nobody needs to know how old the picture is. */
const TELL_EVERY_MS = 250;

const now = (): number => performance.timeOrigin + performance.now();

export class Line {
  private readonly nap = new Nap();
  private readonly losses = new Losses();
  private socket: WebSocket | null = null;
  private frames = 0;
  private messages = 0;
  private age_ms: number | null = null;
  private waiting: ArrayBuffer | null = null;
  private isDrawing = false;
  private heardAt_ms = 0;
  private told: { at_ms: number; later: ReturnType<typeof setTimeout> | undefined } = { at_ms: 0, later: undefined };
  private stop: AbortController | null = null;

  constructor(
    private readonly show: Target,
    /** Address of the page, which all others are relative to. */
    private readonly base: string,
    private readonly camera: string,
    private wished: Wish,
    private readonly events: LineEvents,
  ) {}

  /** Comes back by itself after every failure. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = childOf(signal);
    this.stop = stop;
    const backoff = new Backoff();
    let failedHandshakes = 0;
    const isOver = (): boolean => stop.signal.aborted;
    while (!isOver()) {
      this.events.state({ kind: 'connecting' });
      const end = await this.connect(stop.signal, () => {
        backoff.reset();
        failedHandshakes = 0;
        this.events.state({ kind: 'playing' });
      });
      if (isOver()) {
        break;
      }
      failedHandshakes = end.reason === 'blocked' ? failedHandshakes + 1 : 0;
      // Once may be chance.
      const why: LineEnd = end.reason === 'blocked' && failedHandshakes < 2 ? { reason: 'ended' } : end;
      const wait_ms = backoff.next();
      this.events.state({ kind: 'waiting', why, retryAt_ms: Date.now() + wait_ms });
      await this.nap.sleep(wait_ms, stop.signal);
    }
    this.events.state({ kind: 'off' });
  }

  wish(wish: Wish): void {
    this.wished = wish;
    this.subscribe();
  }

  retryNow(): void {
    this.nap.wake();
  }

  /** Ends a line that has said nothing for a moment; a good one has its answer by then. */
  checkNow(): void {
    const socket = this.socket;
    // One that is not open yet has its own limit.
    if (socket?.readyState !== WebSocket.OPEN) {
      return;
    }
    const asked_ms = now();
    this.askTime();
    setTimeout(() => {
      if (socket === this.socket && this.heardAt_ms < asked_ms) {
        socket.close();
      }
    }, 3_000);
  }

  end(): void {
    this.stop?.abort();
  }

  figures(): LineFigures {
    return {
      received: this.messages,
      drawn: this.frames,
      waiting: this.waiting === null ? 0 : 1,
      isDrawing: this.isDrawing,
      unsent_bytes: this.socket?.bufferedAmount ?? 0,
      age_ms: this.age_ms,
    };
  }

  /** One connection, from its start to its end. */
  private async connect(signal: AbortSignal, started: () => void): Promise<LineEnd> {
    const address = new URL(`ws?camera=${encodeURIComponent(this.camera)}`, this.base);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.losses.restart();
    const look = new Nap();
    const clock = new Clock();
    const seen: { isOver: boolean; greeted: boolean; refusal: LineEnd | null } = { isOver: false, greeted: false, refusal: null };
    const over = (): void => {
      seen.isOver = true;
      look.wake();
    };
    let isPlaying = false;
    socket.onclose = over;
    socket.onopen = () => { this.subscribe(); };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.heardAt_ms = now();
      if (typeof data !== 'string') {
        this.received(data, clock, () => {
          if (!isPlaying && socket === this.socket && !seen.isOver) {
            isPlaying = true;
            started();
          }
        });
        return;
      }
      const said = read(data);
      if (said.type === 'hello') {
        seen.greeted = true;
        this.askTime();
      } else if (said.to === 'clock' && typeof said.sent_ms === 'number' && typeof said.time_us === 'number') {
        clock.answered(said.sent_ms, this.heardAt_ms, said.time_us);
      } else if (said.to === 'subscribe') {
        this.losses.restart();
        if (said.ok === false) {
          seen.refusal = refusal(said.error);
          over();
        }
      } else if (said.event === 'ended') {
        over();
      }
    };
    const opened_ms = now();
    this.heardAt_ms = opened_ms;
    while (!seen.isOver && !signal.aborted) {
      await look.sleep(seen.greeted ? CLOCK_EVERY_MS : HELLO_MS, signal);
      if (!seen.greeted || now() - this.heardAt_ms > SILENCE_MS) {
        break;
      }
      this.askTime();
    }
    socket.onmessage = null;
    socket.close();
    this.socket = null;
    this.waiting = null;
    if (signal.aborted) {
      return { reason: 'ended' };
    }
    return seen.refusal ?? (await this.whyEnded(seen.greeted, signal));
  }

  /** A socket never says why it did not come about; the rest of the API does. */
  private async whyEnded(greeted: boolean, signal: AbortSignal): Promise<LineEnd> {
    const address = addressOf('GET', '/api/v1/cameras/{id}', { path: { id: this.camera } });
    const answer = await probe(new URL(address, this.base).href, signal);
    if (answer.kind === 'failed') {
      return answer.failure;
    }
    return { reason: greeted ? 'ended' : 'blocked' };
  }

  private subscribe(): void {
    this.say({ type: 'subscribe', camera: this.camera, frames: 'binary', ...this.wished });
  }

  private askTime(): void {
    this.say({ type: 'clock', sent_ms: now() });
  }

  private say(words: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(words));
    }
  }

  /** The newest wins: one that waits for the decoder gives way. */
  private received(message: ArrayBuffer, clock: Clock, drawn: () => void): void {
    this.waiting = message;
    this.messages += 1;
    if (!this.isDrawing) {
      this.isDrawing = true;
      void this.draw(clock, drawn).finally(() => { this.isDrawing = false; });
    }
  }

  private async draw(clock: Clock, drawn: () => void): Promise<void> {
    while (this.waiting !== null) {
      const message = this.waiting;
      this.waiting = null;
      const head = readHead(message);
      if (head === null) {
        continue;
      }
      const picture = await decoded(message);
      // A picture that cannot be decoded counts as lost: its number is missing.
      if (picture === null || this.stop?.signal.aborted === true) {
        picture?.close();
        continue;
      }
      await this.show(picture);
      this.frames += 1;
      this.losses.drew(head.sequence);
      drawn();
      this.tell(head, clock);
    }
  }

  private tell(head: Head, clock: Clock): void {
    const drawn_ms = now();
    const age_ms = clock.age_ms(drawn_ms, head.captured_us);
    this.age_ms = age_ms;
    const tell = (): void => {
      this.told = { at_ms: now(), later: undefined };
      this.events.shown({
        age_ms: age_ms + (now() - drawn_ms),
        width_px: head.width_px,
        height_px: head.height_px,
        isPlaceholder: head.isPlaceholder,
        frames: this.frames,
        lost: this.losses.lost,
      });
    };
    clearTimeout(this.told.later);
    const wait_ms = this.told.at_ms + TELL_EVERY_MS - drawn_ms;
    if (wait_ms <= 0) {
      tell();
    } else {
      // The last frame before a silence has to be told as well.
      this.told.later = setTimeout(tell, wait_ms);
    }
  }
}

type Said = {
  readonly type?: unknown;
  readonly to?: unknown;
  readonly ok?: unknown;
  readonly error?: unknown;
  readonly event?: unknown;
  readonly sent_ms?: unknown;
  readonly time_us?: unknown;
};

function read(text: string): Said {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null ? said : {};
  } catch {
    return {};
  }
}

/** The server refuses a subscription in words; the one of a full server is known by its own. */
function refusal(error: unknown): LineEnd {
  const detail = typeof error === 'string' ? error : '';
  return detail.includes('broadcast is full') ? { reason: 'full', detail } : { reason: 'refused', status: 0, detail };
}

async function decoded(message: ArrayBuffer): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(new Blob([new Uint8Array(message, HEAD_BYTES)], { type: 'image/jpeg' }));
  } catch {
    return null;
  }
}
