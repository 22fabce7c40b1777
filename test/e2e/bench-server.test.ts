// The server of the bench page, as a browser's page and other programs of this computer find it; and those who are neither.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { runScenario } from "../../bench/scenario-run.ts";
import { readBoards } from "../../tools/bench-page/page-boards.ts";
import { openPageServer, type PageServer } from "../../tools/bench-page/page-server.ts";
import { readScenario } from "../../tools/scenario-file.ts";
import { value } from "../sim/story.ts";
import { buyByWebSocket } from "../support/websocket-buyer.ts";
import { untilSo } from "./own-wires.ts";
import { PageSocket, type Told } from "./page-socket.ts";

const DEVICE = fileURLToPath(new URL("../../boards/virtual-pi-charger.yaml", import.meta.url));
const SCENARIOS = fileURLToPath(new URL("../../scenarios/", import.meta.url));

let folder: string;
let server: PageServer;
let pages: PageSocket[];
let bugs: unknown[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-page-"));
  mkdirSync(join(folder, "page", "assets"), { recursive: true });
  writeFileSync(join(folder, "page", "index.html"), "<title>bench</title>");
  writeFileSync(join(folder, "page", "assets", "app.js"), "void 0;");
  writeFileSync(join(folder, "secret.html"), "secret");
  writeFileSync(join(folder, "page", "secret.pem"), "secret");
  bugs = [];
  pages = [];
  server = await openPageServer({
    ...{ boards: value(readBoards([DEVICE])), seed: 5, rate: 1, port: 0 },
    ...{ pageFolder: join(folder, "page"), scenarioFolder: SCENARIOS },
    onError: (error) => bugs.push(error),
  });
});

afterEach(async () => {
  for (const { socket } of pages) socket.terminate();
  await server.close();
  rmSync(folder, { recursive: true });
  expect(bugs).toEqual([]);
});

async function opened(): Promise<PageSocket> {
  const page = new PageSocket(server.url);
  pages.push(page);
  await untilSo("a picture", () => page.state !== undefined);
  return page;
}

function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  return new Promise<{ status: number; body: string; headers: Told }>((resolve, reject) => {
    const { port } = server;
    const asked = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("files", () => {
  test("are those of the page and the scenarios that ship, under a policy that allows nothing in line", async () => {
    const index = await get("/");
    expect(index).toMatchObject({ status: 200, body: "<title>bench</title>" });
    const policy = String(index.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(index.headers["cache-control"]).toBe("no-store");
    expect((await get("/assets/app.js")).headers["content-type"]).toMatch("text/javascript");
    expect((await get("/scenarios/happy-sale.yaml")).body).toContain("version: 1");
  });

  test.each([
    ...["/../secret.html", "/%2e%2e/secret.html", "/assets/../../secret.html", "/secret.html"],
    ...["/secret.pem", "//etc/passwd", "/scenarios/../package.json", "/assets", "/bench"],
  ])("I11: %s is none of them", async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body).not.toContain("secret");
  });

  test("I11: another name for this computer, and another method, are refused", async () => {
    const status = async (...asked: Parameters<typeof get>) => (await get(...asked)).status;
    expect(await status("/", { host: "evil.example" })).toBe(421);
    expect(await status("/", { host: "127.0.0.1.evil.example" })).toBe(421);
    expect(await status("/", {}, "POST")).toBe(405);
    expect(await status("/", { host: `localhost:${server.port}` })).toBe(200);
  });
});

describe("the page's socket", () => {
  test("tells of the bench, and does what is asked between two moments of it", async () => {
    const page = await opened();
    const { hello } = await page.answer((told) => told["hello"] !== undefined);
    expect(hello).toMatchObject({
      ...{ mqtt: `ws://127.0.0.1:${server.port}/mqtt`, seed: 5 },
      devices: [{ id: "pi-charger", name: "Virtual Pi charger" }],
      scenarios: expect.arrayContaining(["happy-sale.yaml"]),
    });
    const clear = { board: "pi-charger", do: "clear", interlock: "vehicle" };
    expect(await page.ask({ act: clear })).toMatchObject({ ok: true, raised: false });
    await page.answer(({ events }) => JSON.stringify(events ?? "").includes('"is":"hand"'));
    await untilSo("a ready board", () => page.state?.boards[0]?.ready === true);
  });

  test("stops time, takes a step, and runs it faster", async () => {
    const page = await opened();
    expect(await page.ask({ time: "pause" })).toMatchObject({ ok: true });
    const recorded = async (): Promise<number> => {
      const { scenario } = await page.ask({ record: "stop" });
      return value(readScenario(String(scenario))).endMs;
    };
    const pausedMs = await recorded();
    expect(await recorded()).toBe(pausedMs);
    await page.ask({ time: "step" });
    const steppedMs = await recorded();
    expect(steppedMs).toBeGreaterThan(pausedMs);
    expect(steppedMs).toBeLessThanOrEqual(pausedMs + 1_000);
    await page.ask({ time: { rate: 100 } });
    await untilSo("100 s of the world", () => (page.state?.nowMs ?? 0) > steppedMs + 100_000);
  });

  test.each([
    ["no JSON", "{", { ok: false, kind: "malformed" }],
    ["no object", "[1]", { ok: false, kind: "malformed" }],
    ["no number", '{"id":"x","time":"pause"}', { at: "id" }],
    ["an unknown wish", '{"id":1,"do":"evil"}', { id: 1, ok: false, at: "do" }],
    ["two wishes", '{"id":1,"time":"pause","record":"stop"}', { id: 1, at: "record" }],
    ["a recording from no seed", '{"id":1,"record":{"seed":"x"}}', { at: "record" }],
    ["a rate that is none", '{"id":1,"time":{"rate":1e9}}', { at: "time" }],
    ["no scenario", '{"id":1,"replay":"version: 9"}', { id: 1, ok: false }],
    ["a device file by its name", '{"id":1,"replay":"boards: {x: {device: /etc/passwd}}"}', {}],
    ["a seed that is none", '{"id":1,"restart":{"seed":-1}}', { at: "restart.seed" }],
    ["a board that is none", '{"id":1,"act":{"board":"__proto__","do":"tap"}}', { at: "board" }],
    ["a verb that is none", '{"id":1,"act":{"board":"pi-charger","do":"toString"}}', { at: "do" }],
    ["a word too many", '{"id":1,"act":{"do":"press","evil":1}}', { at: "evil" }],
    ["too much", `{"id":1,"act":"${"x".repeat(70_000)}"}`, { kind: "too-large" }],
  ])("I11: refuses %s by its name", async (_, text, expected) => {
    const page = await opened();
    page.socket.send(text);
    const refusal = await page.answer(({ ok }) => ok === false);
    expect(refusal).toMatchObject({ ok: false, ...expected });
  });

  test("I11: is closed to another page, to a rebound name, to bytes and to what is endless", async () => {
    const port = `127.0.0.1:${server.port}`;
    const ends = (headers: Record<string, string>): Promise<unknown> =>
      new Promise((resolve) => {
        const { socket } = new PageSocket(server.url, headers);
        socket.on("open", () => resolve("open"));
        socket.on("error", ({ message }) => resolve(message));
      });
    expect(await ends({ origin: "http://evil.example" })).toMatch("403");
    expect(await ends({ origin: "null" })).toMatch("403");
    expect(await ends({ host: "evil.example", origin: "http://evil.example" })).toMatch("403");
    expect(await ends({ origin: `http://${port}` })).toBe("open");
    for (const data of [Buffer.from("{}"), "x".repeat(1024 * 1024 + 1)]) {
      const page = await opened();
      page.socket.send(data);
      await untilSo("it is closed", () => page.socket.readyState === WebSocket.CLOSED);
    }
    expect((await get("/")).status).toBe(200);
  });
});

describe("a buyer outside", () => {
  test("I15: buys over WebSocket with the project's own consumer, and the recording is the same bytes again", async () => {
    const page = await opened();
    expect(await page.ask({ record: { seed: 5 } })).toMatchObject({ ok: true });
    await page.ask({ act: { board: "pi-charger", do: "clear", interlock: "vehicle" } });
    await untilSo("a ready board", () => page.state?.boards[0]?.ready === true);
    const [board] = page.state?.boards ?? [];
    const receipts = await buyByWebSocket({
      url: `ws://127.0.0.1:${server.port}/mqtt`,
      operatorKey: board?.operatorKey ?? "",
      wallMs: () => page.state?.wallMs ?? 0,
      // At the speed of the board a unit would last.
      onBegun: () => void page.ask({ time: { rate: 100 } }),
    });
    expect(receipts).toMatchObject([
      { is: "session", pulses: 60, reason: "exhausted" },
      { is: "settlement", pulses: 60, capturedMinor: 6 },
    ]);
    // What is sealed for the device and for the buyer is open to the bench.
    const frame = (kind: string): Told | undefined =>
      page.events().find((event) => event["kind"] === kind);
    await untilSo("the frames", () => frame("acknowledge") !== undefined);
    expect(frame("pay")?.["opened"]).toMatch(/"is":"pay","offer":"[0-9a-f]{16}"/);
    expect(frame("receipts")).toMatchObject({ from: "pi-charger", board: "pi-charger" });
    const { scenario } = await page.ask({ record: "stop" });
    expect(String(scenario)).toContain('"do":"frame"');
    const again = value(readScenario(String(scenario)));
    const findings: unknown[] = [];
    const report = await runScenario(again, {
      line: () => undefined,
      progress: () => undefined,
      finding: (finding) => findings.push(finding),
    });
    expect(findings).toEqual(findings.map(() => expect.objectContaining({ met: true })));
    expect(report).toMatchObject({ broken: 0 });
    // And once more, as it is watched.
    expect(await page.ask({ replay: String(scenario) })).toMatchObject({ ok: true });
    await page.ask({ time: { rate: 100 } });
    await page.answer(({ events }) => /expectation-(met|broken)/.test(JSON.stringify(events)));
    await untilSo("its findings", () => page.events().filter(isFinding).length >= findings.length);
    expect(page.events().filter(isFinding)).not.toContainEqual(
      expect.objectContaining({ event: "expectation-broken" }),
    );
  }, 120_000);
});

test("a scenario that ships is run as it is watched, buyers and all; then a fresh world from a seed", async () => {
  const page = await opened();
  const { body } = await get("/scenarios/happy-sale.yaml");
  expect(await page.ask({ replay: body })).toMatchObject({ ok: true });
  await page.ask({ time: { rate: 100 } });
  const always = ({ event, fields }: Told): boolean =>
    isFinding({ event }) && JSON.stringify(fields).includes("always");
  await untilSo("its end", () => page.events().some(always));
  const findings = page.events().filter(isFinding);
  expect(findings.length).toBeGreaterThan(10);
  expect(findings).toEqual(
    findings.map(() => expect.objectContaining({ event: "expectation-met" })),
  );
  // The same text but for a word may name no file of this computer.
  expect(await page.ask({ replay: `${body}\n# mine` })).toMatchObject({ ok: false });
  expect(await page.ask({ restart: { seed: 77 } })).toMatchObject({ ok: true });
  await page.answer(({ hello }) => (hello as { seed?: number } | undefined)?.seed === 77);
  await untilSo(
    "the first moments",
    () => (page.state?.nowMs ?? Number.POSITIVE_INFINITY) < 60_000,
  );
}, 120_000);

function isFinding({ event }: Told): boolean {
  return String(event).startsWith("expectation-");
}
