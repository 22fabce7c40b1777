// A TCP relay in front of a broker, so that a test can pull the cable and plug it in again.

import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  port: number;
  /** Breaks what runs through it and refuses what comes, until `restore`. */
  breakOff(): void;
  restore(): void;
  /** Bytes so far, both ways. */
  bytes(): { toServer: number; toClient: number };
  close(): Promise<void>;
}

export async function openTcpProxy(serverPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let broken = false;
  const count = { toServer: 0, toClient: 0 };
  const relay = createServer((client) => {
    if (broken) {
      client.destroy();
      return;
    }
    const server = connect(serverPort, "127.0.0.1");
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (bytes) => {
      count.toServer += bytes.length;
    });
    server.on("data", (bytes) => {
      count.toClient += bytes.length;
    });
    client.pipe(server);
    server.pipe(client);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    breakOff: () => {
      broken = true;
      cut();
    },
    restore: () => {
      broken = false;
    },
    bytes: () => ({ ...count }),
    close: () =>
      new Promise((resolve) => {
        relay.close(() => resolve());
        cut();
      }),
  };
}
