// `sluice run`, `broker` and `conform` as processes: how a device starts, is kept to one per data folder, and
// is told to stop in the middle of a delivery.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { isAlive, pause } from "./program.ts";
import { isOpen, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

const stateFile = () => join(site.folder, "sluice", "broker.json");

describe("a device", () => {
  test("sells where it says, and after Ctrl-C leaves nothing behind", async () => {
    const device = await site.startDevice();
    expect(existsSync(stateFile())).toBe(true);
    device.program.signal("SIGINT");
    expect(await device.program.ended()).toBe(0);
    expect(device.program.of("stopped")).toHaveLength(1);
    expect(isAlive(device.loopPid)).toBe(false);
    expect(existsSync(stateFile())).toBe(false);
  });

  test("told to stop in mid-delivery opens the outlet, signs the receipt, and goes on later", async () => {
    const device = await site.startDevice({ benchRate: 20 });
    const buyer = site.consume(device, "buyer", ["buy"]);
    await buyer.until("progress", ({ pulses }) => Number(pulses) > 50);
    device.program.signal("SIGTERM");
    expect(await device.program.ended()).toBe(0);
    expect(site.outlets().every(isOpen)).toBe(true);
    const [ended] = device.program.of("log").filter(({ event }) => event === "session-ended");
    expect(ended).toMatchObject({ reason: "restart", milliUnits: expect.any(Number) });
    const register = site.outlet("socket-1").register;
    expect(Number(ended?.["pulses"])).toBeGreaterThan(0);
    expect(register - Number(ended?.["pulses"])).toBeLessThanOrEqual(1);
  });

  test("withdraws its announcement from a broker that lives on", async () => {
    const broker = site.start(["broker", "--json", "--port", "0"]);
    const { url } = await broker.until("ready");
    const device = await site.startDevice({ broker: String(url) });
    const link = await openMqttLink({ url: String(url), clientId: "looker" });
    const seen: number[] = [];
    link.onMessage(({ payload }) => void seen.push(payload.length));
    await link.subscribe("#");
    while (seen.length === 0) await pause(10);
    device.program.signal("SIGINT");
    expect(await device.program.ended()).toBe(0);
    while (seen.at(-1) !== 0) await pause(10);
    expect(seen[0]).toBeGreaterThan(100);
    expect(seen.at(-1)).toBe(0);
    await link.close();
    broker.signal("SIGINT");
    expect(await broker.ended()).toBe(0);
  });

  test("is the only one on its data folder; another is told so and harms nothing", async () => {
    const device = await site.startDevice();
    const second = await site.launchDevice({});
    expect(await second.ended()).toBe(1);
    expect(second.output).toContain("in use by another process");
    expect([isAlive(device.program.pid), isAlive(device.loopPid)]).toEqual([true, true]);
    device.program.signal("SIGKILL");
    await device.program.ended();
    const third = await site.startDevice();
    expect(third.id).toBe(device.id);
  });

  test("takes another port where its own is in use, and says which", async () => {
    const first = await site.startDevice();
    const file = join(site.folder, "device.yaml");
    const second = site.start(["run", "--device", file, "--data", join(site.folder, "second")]);
    const taken = new URL(first.broker).port;
    while (!second.output.includes("selling")) await pause(10);
    expect(second.output).toContain(`port ${taken} is in use`);
    expect(second.output).toMatch(/broker {4}mqtt:\/\/127\.0\.0\.1:\d+/);
    expect(second.output).not.toContain(`mqtt://127.0.0.1:${taken}`);
    expect(second.output).toContain("npx sluice buy");
  });

  test("says what is wrong when it cannot start, and exits with 1 or 2", async () => {
    const noBroker = await site.run(["run", "--data", site.data, "--broker", "mqtt://127.0.0.1:1"]);
    expect(await noBroker.ended()).toBe(1);
    expect(noBroker.output).toContain("no connection to a broker at mqtt://127.0.0.1:1");
    const noFile = await site.run(["run", "--device", join(site.folder, "no.yaml")]);
    expect(await noFile.ended()).toBe(1);
    expect(noFile.output).toContain("no.yaml");
    const noOption = await site.run(["run", "--devise", "x"]);
    expect(await noOption.ended()).toBe(2);
  });
});

test("a second signal does not wait", async () => {
  const device = await site.startDevice({ benchRate: 20 });
  const buyer = site.consume(device, "buyer", ["buy"]);
  await buyer.until("progress");
  device.program.signal("SIGINT");
  device.program.signal("SIGTERM");
  expect([0, 130, 143]).toContain(await device.program.ended());
  await site.untilOutlet("socket-1", isOpen);
});

test("a device goes on selling when nobody reads its lines any more", async () => {
  const device = await site.startDevice();
  device.program.deafen();
  const buyer = site.consume(device, "buyer", ["buy"]);
  expect(await buyer.ended()).toBe(0);
  device.program.signal("SIGHUP");
  expect(await device.program.ended()).toBe(0);
});

test("conform answers each line of its input and ends with it", () => {
  const sluice = fileURLToPath(new URL("../../build/tools/sluice.js", import.meta.url));
  const input = '{"op":"cbor.check","hex":"1800"}\n{"op":"none"}\n{"op":"cbor.check","hex":"00"}';
  const run = spawnSync(process.execPath, [sluice, "conform"], { input, encoding: "utf8" });
  expect(run.status).toBe(0);
  expect(run.stdout.trim().split("\n")).toEqual([
    '{"ok":false,"kind":"non-minimal"}',
    '{"ok":false,"kind":"unsupported-op"}',
    '{"ok":true}',
  ]);
});
