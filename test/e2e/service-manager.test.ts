// `sluice run` under a service manager, which the test plays: when it hears that the device is ready, that it is alive and
// that it stops; and that a loop which stalls is not alive, whatever the rest of the device does.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Datagrams, datagramsMissing, listenDatagrams } from "../support/datagrams.ts";
import { pause } from "./program.ts";
import { Site } from "./site.ts";

const READY = "READY=1\n";
const ALIVE = "WATCHDOG=1\n";
const STOPPING = "STOPPING=1\n";
const LONG_MS = 30_000;
/** The loop reports twice a second; who says nothing for so long says nothing. */
const QUIET_MS = 2_500;
const missing = datagramsMissing();

let site: Site;
let manager: Datagrams | undefined;

beforeEach(() => {
  site = new Site();
});

afterEach(async () => {
  await site.close();
  await manager?.close();
  manager = undefined;
});

async function startWatched() {
  const name = join(site.folder, "notify");
  manager = await listenDatagrams(name);
  const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: "15000000" };
  return { device: await site.startDevice({ env }), texts: manager.texts };
}

const alive = (texts: readonly string[]): number => texts.filter((text) => text === ALIVE).length;

test("says once that it is ready, then that it is alive, and that it stops", async ({ skip }) => {
  if (missing !== undefined) skip(missing);
  const { device, texts } = await startWatched();
  await vi.waitFor(() => expect(texts).toContain(READY), LONG_MS);
  const before = alive(texts);
  await vi.waitFor(() => expect(alive(texts)).toBeGreaterThan(before + 1), LONG_MS);
  expect(texts.slice(0, 2)).toEqual([READY, ALIVE]);
  expect(texts).not.toContain(STOPPING);
  device.program.signal("SIGTERM");
  expect(await device.program.ended()).toBe(0);
  await vi.waitFor(() => expect(texts).toContain(STOPPING), LONG_MS);
  expect(texts.filter((text) => text === READY)).toHaveLength(1);
}, 90_000);

test("I7: a loop that stalls starves the watchdog, until there is a loop again", async ({
  skip,
}) => {
  if (missing !== undefined) skip(missing);
  const { device, texts } = await startWatched();
  await vi.waitFor(() => expect(alive(texts)).toBeGreaterThan(1), LONG_MS);
  process.kill(device.loopPid, "SIGSTOP");
  // What was on its way still arrives. The device ends a loop that is silent for 5 s, and starts another.
  let before: number;
  let looks = 0;
  do {
    before = alive(texts);
    await pause(QUIET_MS);
    looks++;
  } while (alive(texts) !== before && looks < 3);
  expect(alive(texts)).toBe(before);
  await vi.waitFor(() => expect(alive(texts)).toBeGreaterThan(before), LONG_MS);
}, 90_000);

test("a manager whose socket cannot be one is told of, and the device sells", async () => {
  const { program } = await site.startDevice({ env: { NOTIFY_SOCKET: "vsock:2:99" } });
  const [warning] = program.of("warning");
  expect(warning).toMatchObject({ message: expect.stringContaining("NOTIFY_SOCKET") });
});

test("a watchdog that is not there is told of once, and the device sells", async () => {
  const first = await site.startDevice();
  first.program.signal("SIGTERM");
  await first.program.ended();
  const file = join(site.folder, "device.yaml");
  writeFileSync(file, `${readFileSync(file, "utf8")}\nwatchdog: /dev/watchdog99\n`);
  const program = site.start(["run", "--json", "--device", file, "--data", site.data]);
  await program.until("ready");
  await program.until("log", ({ event }) => event === "watchdog-lost");
  await pause(QUIET_MS);
  const told = program.of("log").filter(({ event }) => event === "watchdog-lost");
  expect(told).toEqual([
    expect.objectContaining({ level: "warn", message: expect.stringContaining("there is none") }),
  ]);
}, 30_000);
