// The server of the bench page stays of use whatever was done to it before: another world, one that cannot be opened, files that
// went, sockets that nobody closes.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import {
  openPageServer,
  type PageServer,
  type PageServerOptions,
} from "../../tools/bench-page/page-server.ts";
import { value } from "../sim/story.ts";
import { buyByWebSocket } from "../support/websocket-buyer.ts";
import { untilSo } from "./own-wires.ts";
import { PageSocket } from "./page-socket.ts";

const DEVICE = fileURLToPath(new URL("../../boards/virtual-pi-charger.yaml", import.meta.url));
const SCENARIOS = fileURLToPath(new URL("../../scenarios/", import.meta.url));
const NO_SUCH_PORT = { kind: "terminal", serial: "nowhere", simulated: true } as const;

let folder: string;
let options: PageServerOptions;
let server: PageServer;
let page: PageSocket;
let bugs: unknown[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-page-"));
  mkdirSync(join(folder, "page"));
  writeFileSync(join(folder, "page", "index.html"), "<title>bench</title>");
  bugs = [];
  options = {
    ...{ boards: value(readBoards([DEVICE])), seed: 5, rate: 1, port: 0 },
    ...{ pageFolder: join(folder, "page"), scenarioFolder: SCENARIOS },
    onError: (error) => bugs.push(error),
  };
  server = await openPageServer(options);
  page = new PageSocket(server.url);
  await untilSo("a picture", () => page.state !== undefined);
});

afterEach(async () => {
  page.socket.terminate();
  await server.close();
  rmSync(folder, { recursive: true });
  expect(bugs).toEqual([]);
});

/** A world like the one that is there, with nothing done to it. */
async function world(): Promise<string> {
  const { scenario } = await page.ask({ record: "stop" });
  return String(scenario).replace(/end: .*/, "end: 60 min");
}

function status(): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(server.url, ({ statusCode }) => resolve(statusCode)).on("error", reject);
  });
}

test("a buyer outside is heard in a world that was replayed, whatever its boards are called", async () => {
  const clear = 'steps: [{ at: 100 ms, board: mine, do: "clear", interlock: "vehicle" }]';
  const replay = (await world()).replace('"pi-charger":', '"mine":').replace("steps: []", clear);
  expect(await page.ask({ replay })).toMatchObject({ ok: true });
  const board = () => page.state?.boards[0];
  await untilSo("its board", () => board()?.id === "mine" && board()?.ready === true);
  const receipts = await buyByWebSocket({
    url: `ws://127.0.0.1:${server.port}/mqtt`,
    operatorKey: board()?.operatorKey ?? "",
    wallMs: () => page.state?.wallMs ?? 0,
    onBegun: () => void page.ask({ time: { rate: 100 } }),
  });
  expect(receipts).toMatchObject([{ is: "session" }, { is: "settlement", pulses: 60 }]);
}, 120_000);

test("I11: a scenario whose board cannot be opened is refused, and the world goes on as it was", async () => {
  const replay = (await world()).replace('"kind":"simulated"', '"kind":"terminal","serial":"no"');
  expect(await page.ask({ replay })).toMatchObject({
    ...{ ok: false, kind: "refused" },
    message: expect.stringContaining("has no serial port no"),
  });
  const clear = { board: "pi-charger", do: "clear", interlock: "vehicle" };
  expect(await page.ask({ act: clear })).toMatchObject({ ok: true });
  await untilSo("a ready board", () => page.state?.boards[0]?.ready === true);
});

test("a bench that cannot be opened leaves no port behind", async () => {
  const [first] = options.boards;
  if (first === undefined) throw new Error("no board");
  const { port } = server;
  await server.close();
  const config = { ...first.config, payment: { ...first.config.payment, host: NO_SUCH_PORT } };
  const opening = openPageServer({ ...options, port, boards: [{ ...first, config }] });
  await expect(opening).rejects.toThrow("has no serial port nowhere");
  server = await openPageServer({ ...options, port });
  expect(await status()).toBe(200);
});

test("a file that has gone since is not there, and that is all", async () => {
  rmSync(join(folder, "page", "index.html"));
  expect(await status()).toBe(404);
  expect(await page.ask({ time: "pause" })).toMatchObject({ ok: true });
});

test("I11: who was refused and stays on the line does not hold up the end", async () => {
  const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  let heard = "";
  socket.on("data", (bytes) => {
    heard += String(bytes);
  });
  const asked = ["GET /nothing HTTP/1.1", "host: 127.0.0.1", "connection: upgrade"];
  socket.write([...asked, "upgrade: websocket", "", ""].join("\r\n"));
  await untilSo("the refusal", () => heard.includes("403"));
  let isClosed = false;
  void server.close().then(() => {
    isClosed = true;
  });
  await untilSo("the end", () => isClosed);
  expect(heard).toContain("content-length: 0");
  socket.destroy();
});

test("time is asked for while another world is opened: each gets its answer", async () => {
  const restarted = page.ask({ restart: { seed: 4 } });
  const steps = Array.from({ length: 5 }, () => page.ask({ time: "step" }));
  for (const answer of [await restarted, ...(await Promise.all(steps))]) {
    expect(answer).toMatchObject({ ok: true });
  }
});
