// Ends of an MQTT connection for tests of link and broker: each is closed, last one first, by `closeAll`.

import { createServer, type Socket } from "node:net";
import type { Link } from "../../hal/link.ts";
import { type Broker, openBroker } from "../../hal/linux/broker.ts";

export const cleanups: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export async function broker(): Promise<Broker> {
  const opened = await openBroker({ port: 0 });
  cleanups.push(() => opened.close());
  return opened;
}

export function received(of: Link, topic: string): Promise<Uint8Array> {
  return new Promise((resolve) => {
    of.onMessage((message) => {
      if (message.topic === topic) resolve(message.payload);
    });
  });
}

/** A server that accepts and then does as told with each connection. */
export async function server(onConnection: (socket: Socket) => void): Promise<number> {
  const listening = createServer(onConnection);
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => listening.close());
  const address = listening.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
