// The compiled program and how it reaches a broker: WebSocket, a broker that does not answer, somebody who comes
// under a device's name, and what is said of a broker that others reach.

import { chmodSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { makeAuthority } from "../support/certificates.ts";
import { receiptsOf, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("a sale over WebSocket, from a device whose own broker speaks it too", async () => {
  const device = await site.startDevice({ host: "127.0.0.1, ws: 0" });
  const url = String(device.program.of("ready")[0]?.["webSocket"]);
  expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/);
  const buyer = site.consume({ ...device, broker: url }, "payer", ["buy"]);
  expect(await buyer.ended()).toBe(0);
  expect(receiptsOf(buyer)).toHaveLength(2);
});

test("a device reaches its broker over WebSocket as well, and buyers here find it", async () => {
  const broker = site.start(["broker", "--json", "--port", "0", "--ws", "0"]);
  const url = `${(await broker.until("ready"))["webSocket"]}/mqtt`;
  const device = await site.startDevice({ broker: url });
  expect(device.broker).toBe(url);
  const buyer = await site.run(["services", "--json", "--identity", site.identity("buyer")]);
  expect(buyer.of("broker")).toMatchObject([{ url, from: "running-device" }]);
  expect(await buyer.ended()).toBe(0);
});

test("a broker that accepts and never answers is told of in time, by who sells and who buys", async () => {
  const silent = createServer((socket: Socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  site.onClose(async () => {
    silent.close();
  });
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const url = `mqtt://me:s3cret@127.0.0.1:${port}`;
  const seller = site.start(["run", "--json", "--data", site.data, "--broker", url]);
  const buyer = site.start(["buy", "--identity", site.identity("buyer"), "--broker", url]);
  for (const program of [seller, buyer]) {
    expect(await program.ended(20_000)).toBe(1);
    expect(program.output).toContain(`no answer from the broker at mqtt://127.0.0.1:${port}`);
    expect(program.output).not.toContain("s3cret");
  }
});

test("I11: who comes to the broker under a device's id takes nothing from it", async () => {
  const device = await site.startDevice();
  const watcher = await openMqttLink({ url: device.broker, clientId: "watcher_" });
  site.onClose(() => watcher.close());
  const heard: number[] = [];
  watcher.onMessage(({ payload }) => heard.push(payload.length));
  await watcher.subscribe(`s1/a/${device.id}`);
  const intruder = await openMqttLink({ url: device.broker, clientId: device.id });
  site.onClose(() => intruder.close());
  const buyer = site.consume(device, "payer", ["buy"]);
  expect(await buyer.ended()).toBe(0);
  // The will of a device that was put out would have cleared its announcement.
  expect(heard.length).toBeGreaterThan(0);
  expect(heard).not.toContain(0);
  expect(intruder.connected()).toBe(true);
});

test("files for TLS that are of no use, or open to others, are refused before anything is asked", async () => {
  const authority = makeAuthority(site.folder);
  const { cert, key } = authority.issue("payer");
  chmodSync(key, 0o644);
  const buy = async (...args: string[]) =>
    site.run(["buy", "--identity", site.identity("b"), ...args]);
  const plain = await buy("--broker", "mqtt://127.0.0.1:1", "--ca", authority.ca);
  expect(await plain.ended()).toBe(2);
  expect(plain.output).toContain("mqtts://");
  const loose = await buy("--broker", "mqtts://127.0.0.1:1", "--cert", cert, "--key", key);
  expect(await loose.ended()).toBe(1);
  expect(loose.output).toContain(`chmod 600 ${key}`);
  const own = await site.run(["run", "--data", site.data, "--ca", authority.ca]);
  expect(await own.ended()).toBe(2);
});

test("a broker that listens beyond this machine says so", async () => {
  const quiet = site.start(["broker", "--port", "0"]);
  const open = site.start(["broker", "--port", "0", "--host", "0.0.0.0"]);
  for (const program of [quiet, open]) {
    for (let look = 0; look < 500 && !program.output.includes("Ctrl-C"); look++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(program.output).toMatch(/broker {4}mqtt:\/\/127\.0\.0\.1:\d+\n/);
  }
  expect(quiet.output).not.toContain("beyond this machine");
  expect(open.output).toContain("beyond this machine");
});
