// The health answer under real connections that hold on to it, in real time.

import { connect } from "node:net";
import { expect, test } from "vitest";
import { openHealthServer } from "../../hal/linux/health-server.ts";

const WELL = { ok: true, reasons: [] };

test("who says nothing, or half of something, holds a place for seconds at most", async () => {
  const { url, close } = await openHealthServer(0, { health: () => WELL, ready: () => WELL });
  const port = Number(new URL(url).port);
  const sockets = Array.from({ length: 16 }, (_, i) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    if (i % 2 === 0) socket.write("GET /health HTTP/1.1\r\nhost: x");
    return socket;
  });
  const gone = sockets.map((socket) => new Promise<void>((end) => socket.on("close", () => end())));
  for (const socket of sockets) socket.resume();
  await Promise.all(gone);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  await close();
}, 8_000);
