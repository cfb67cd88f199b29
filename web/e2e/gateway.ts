// What stands between some people and their server: a proxy that passes requests on, and hangs up on every WebSocket. It can
// also tell another text than the server did, as a newer server would.

import { createServer, request } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';

export type Gateway = {
  readonly url: string;
  /** How many sockets it did not let through. */
  readonly refused: () => number;
  readonly close: () => Promise<void>;
};

/** Another text for what is at this path; none for what is to stay. */
export type Rewrite = (path: string) => ((text: string) => string) | null;

export async function gateway(server: string, rewrite: Rewrite = () => null): Promise<Gateway> {
  let refused = 0;
  const open = new Set<Socket>();
  const proxy = createServer((incoming, outgoing) => {
    const { port, hostname } = new URL(server);
    const another = rewrite(incoming.url ?? '');
    if (another !== null) {
      void fetch(new URL(incoming.url ?? '', server)).then(async (answer) => {
        outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '', 'cache-control': 'no-cache' });
        outgoing.end(another(await answer.text()));
      });
      return;
    }
    const passed = request(
      { port, hostname, path: incoming.url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  proxy.on('upgrade', (_, socket) => {
    refused += 1;
    socket.destroy();
  });
  proxy.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`,
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => { resolve(); });
        open.forEach((socket) => socket.destroy());
      }),
  };
}
