// The health answer over HTTP: two questions, loopback only, nothing else served, and no way to tie it up.

import { get } from "node:http";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type HealthServer, openHealthServer } from "../../../hal/linux/health-server.ts";
import { healthSource } from "../../../tools/health-report.ts";

const STATUS = {
  ready: true,
  reasons: [] as string[],
  loop: true,
  broadcasting: true,
  running: 1,
  sessions: [],
  outlets: [],
  orders: 2,
  paying: 0,
  offers: 3,
  dropped: 0,
  clock: "set" as const,
  uptimeS: 60,
  epoch: 1,
  receipt: 4,
  certificateExpiresS: 4_000_000_000,
  version: "1.2.3",
};

const servers: HealthServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(status: Partial<typeof STATUS> = {}): Promise<string> {
  const server = await openHealthServer(
    0,
    healthSource(() => ({ ...STATUS, ...status })),
  );
  servers.push(server);
  return server.url;
}

test("a device that is well is healthy and ready, with figures", async () => {
  const url = await serve();
  const [health, ready] = [await fetch(`${url}/health`), await fetch(`${url}/ready?verbose`)];
  expect([health.status, ready.status]).toEqual([200, 200]);
  expect(await health.json()).toEqual({ ok: true, reasons: [], uptimeS: 60, version: "1.2.3" });
  expect(await ready.json()).toMatchObject({ ok: true, reasons: [], running: 1, orders: 2 });
});

test("a device that cannot sell is healthy, not ready, and says why", async () => {
  const url = await serve({ ready: false, reasons: ["the broker is not connected"] });
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const ready = await fetch(`${url}/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ ok: false, reasons: ["the broker is not connected"] });
});

test("who would replace it learns whether somebody is being served: delivering, or paying", async () => {
  const busy = async (status: Partial<typeof STATUS>) => {
    const answer = await fetch(`${await serve(status)}/ready`);
    return ((await answer.json()) as { busy: unknown }).busy;
  };
  expect(await busy({ running: 0 })).toBe(false);
  expect(await busy({ running: 1 })).toBe(true);
  expect(await busy({ running: 0, paying: 1 })).toBe(true);
});

test("one outlet of several that is out of order keeps nobody from selling", async () => {
  const url = await serve({ reasons: ["socket-2: the outlet cannot deliver: weld"] });
  const ready = await fetch(`${url}/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({
    reasons: ["socket-2: the outlet cannot deliver: weld"],
  });
});

test("without its metering loop a device is not healthy", async () => {
  const health = await fetch(`${await serve({ loop: false, ready: false })}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ reasons: [expect.stringContaining("loop")] });
});

test("it is bound to loopback, serves nothing else and takes nothing", async () => {
  const url = await serve();
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/ready/../../etc/passwd`)).status).toBe(404);
  expect((await fetch(`${url}/ready`, { method: "POST", body: "x" })).status).toBe(405);
});

test("a port that is taken is told by its number", async () => {
  const port = Number(new URL(await serve()).port);
  await expect(
    openHealthServer(
      port,
      healthSource(() => STATUS),
    ),
  ).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining(String(port)),
  });
});

test("garbage, endless headers and silent connections do not keep it from answering or closing", async () => {
  const url = await serve();
  const port = Number(new URL(url).port);
  const sockets = ["", "\u0000\u0001\r\n\r\n", `GET / HTTP/1.1\r\nx: ${"y".repeat(9_000)}`].map(
    (text) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(text);
      return socket;
    },
  );
  expect((await fetch(`${url}/health`)).status).toBe(200);
  await servers.splice(0)[0]?.close();
  for (const socket of sockets) socket.destroy();
});

test("a page that leads a browser here under its own name reads nothing", async () => {
  const url = await serve();
  const status = (host: string) =>
    new Promise((resolve) => {
      get(`${url}/ready`, { headers: { host } }, (answer) => resolve(answer.statusCode));
    });
  expect(await status("evil.example")).toBe(403);
  expect(await status("127.0.0.1.evil.example:80")).toBe(403);
  expect(await status("localhost:9")).toBe(200);
});
