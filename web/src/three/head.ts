// The head of a picture on the socket: docs/websocket.md. Pure.

export type FrameHead = {
  readonly placeholder: boolean;
  readonly sequence: bigint;
  readonly captured_ms: number;
  readonly width_px: number;
  readonly height_px: number;
};

export const HEAD_BYTES = 32;

/** None for a message of a layout that is not known here. */
export function parseHead(message: ArrayBuffer): FrameHead | null {
  if (message.byteLength <= HEAD_BYTES) {
    return null;
  }
  const head = new DataView(message, 0, HEAD_BYTES);
  if (head.getUint8(0) !== 1 || head.getUint8(1) !== 1 || head.getUint32(4) !== message.byteLength - HEAD_BYTES) {
    return null;
  }
  return {
    placeholder: (head.getUint16(2) & 1) === 1,
    sequence: head.getBigUint64(8),
    captured_ms: Number(head.getBigUint64(16)) / 1000,
    width_px: head.getUint16(24),
    height_px: head.getUint16(26),
  };
}
