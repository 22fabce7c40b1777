// The acquirer on TCP: connections of terminals, each bounded in bytes, number and patience.

import { createServer, type Socket } from "node:net";
import { deframer, framed } from "../../hal/drivers/iso8583-line.ts";
import { HalError } from "../../hal/hal-error.ts";
import type { Acquirer } from "./acquirer.ts";

const CONNECTIONS_MAX = 1_000;
const UNSENT_BYTES_MAX = 64 * 1024;
/** A terminal asks for a sign of life more often. */
const IDLE_MS = 600_000;

export interface AcquirerServer {
  port: number;
  close(): Promise<void>;
}

/** Rejects with HalError `refused` where the address cannot be listened on. */
export async function serveAcquirer(
  acquirer: Acquirer,
  { host, port }: { host: string; port: number },
): Promise<AcquirerServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    const connection = acquirer.connect((message) => {
      // Whoever does not read what he asked for is not asked to wait.
      if (socket.writableLength > UNSENT_BYTES_MAX) socket.destroy();
      else socket.write(framed(message));
    });
    const frames = deframer((bytes) => connection.receive(bytes));
    socket.on("data", (chunk) => {
      if (!frames.take(chunk)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      connection.close();
      sockets.delete(socket);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const message = `cannot listen on ${host}:${port} (${error.code}): choose another --port`;
      reject(new HalError("refused", message, error));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
