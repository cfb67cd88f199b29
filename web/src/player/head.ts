// The 32 bytes in front of each picture of a socket; docs/websocket.md has the table.

export const HEAD_BYTES = 32;
const VERSION = 1;
const JPEG = 1;
const PLACEHOLDER = 1;

export type Head = {
  readonly sequence: number;
  readonly captured_us: number;
  readonly width_px: number;
  readonly height_px: number;
  readonly isPlaceholder: boolean;
};

/** None for a message that is no picture this page can read. */
export function readHead(message: ArrayBuffer): Head | null {
  if (message.byteLength <= HEAD_BYTES) {
    return null;
  }
  const view = new DataView(message);
  if (view.getUint8(0) !== VERSION || view.getUint8(1) !== JPEG || view.getUint32(4) !== message.byteLength - HEAD_BYTES) {
    return null;
  }
  return {
    // Exact for millions of years: both stay below 2^53.
    sequence: Number(view.getBigUint64(8)),
    captured_us: Number(view.getBigUint64(16)),
    width_px: view.getUint16(24),
    height_px: view.getUint16(26),
    isPlaceholder: (view.getUint16(2) & PLACEHOLDER) !== 0,
  };
}

/** Counts what is missing between the frames that were drawn. */
export class Losses {
  lost = 0;
  private last: number | null = null;

  /** Another stream begins: its numbers have nothing to do with those before. */
  restart(): void {
    this.last = null;
  }

  drew(sequence: number): void {
    if (this.last !== null && sequence > this.last) {
      this.lost += sequence - this.last - 1;
    }
    this.last = sequence;
  }
}
