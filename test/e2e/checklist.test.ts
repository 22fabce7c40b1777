// Rows of docs/worldpay-within.md that need the compiled program as processes: its version, several sellers on one
// host and one broker, options over the device file, times over time zones, and a market beyond one network.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PROTOCOL_MAJOR, PROTOCOL_MINOR } from "../../firmware/protocol/messages.ts";
import { netnsMissing } from "../support/netns.ts";
import { openTwoNetworks } from "../support/two-networks.ts";
import { receiptsOf, Site } from "./site.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("10.14: asked for its version, the program says its own and the protocol's", async () => {
  const file = join(import.meta.dirname, "..", "..", "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  for (const option of ["--version", "-V"]) {
    const asked = await site.run([option]);
    expect(await asked.ended()).toBe(0);
    expect(asked.output).toBe(`sluice ${version}, protocol ${PROTOCOL_MAJOR}.${PROTOCOL_MINOR}\n`);
  }
});

test("1.10 10.8: a second seller on one host and one broker; an option counts more than the device file", {
  timeout: 40_000,
}, async () => {
  const first = await site.startDevice();
  // The file that the first was started with names a port of its own; the option takes its place.
  const file = join(site.folder, "second.yaml");
  const text = readFileSync(join(site.folder, "device.yaml"), "utf8");
  writeFileSync(file, `${text}description: Behind the barn\n`);
  const own = ["--device", file, "--data", join(site.folder, "second")];
  const program = site.start(["run", "--json", ...own, "--broker", first.broker]);
  const ready = await program.until("ready");
  expect(ready["broker"]).toBe(first.broker);
  const second = String(ready["device"]);
  expect(second).not.toBe(first.id);

  const found = site.consume(first, "buyer", ["discover", "--timeout", "1"]);
  expect(await found.ended()).toBe(0);
  const seen = found.of("discover").map(({ device }) => device);
  expect(seen.toSorted()).toEqual([first.id, second].sort());

  const asked = await Promise.all(
    [first.id, second].map(async (id) => {
      const services = site.consume(first, `asker of ${id}`, ["services", "--to", id]);
      expect(await services.ended(), services.output).toBe(0);
      return services.of("description").map(({ description }) => description);
    }),
  );
  expect(asked).toEqual([[], ["Behind the barn"]]);

  const undecided = site.consume(first, "buyer", ["buy"]);
  expect(await undecided.ended()).toBe(2);
  for (const id of [first.id, second]) expect(undecided.output).toContain(id);
  for (const id of [first.id, second]) {
    const buyer = site.consume(first, `buyer of ${id}`, ["buy", "--service", "1", "--to", id]);
    expect(await buyer.ended(), buyer.output).toBe(0);
    expect(buyer.of("init")).toMatchObject([{ device: id }]);
    expect(receiptsOf(buyer)).toHaveLength(2);
  }
  // Each was paid for what it delivered, and for nothing of the other's.
  expect(site.charges()).toHaveLength(1);
});

test("6.12: seller and buyer in time zones 25 hours apart mean the same by an expiry", async () => {
  const device = await site.startDevice({ env: { TZ: "Pacific/Kiritimati" } });
  const west = { TZ: "Pacific/Pago_Pago" };
  const buyer = site.consume(device, "buyer", ["buy", "--service", "1"], west);
  expect(await buyer.ended(), buyer.output).toBe(0);
  const [settled] = buyer.of("pay");
  const { expiresS } = site.order(String(settled?.["order"]));
  const leftS = Number(expiresS) - Date.now() / 1000;
  expect(leftS).toBeGreaterThan(3_500);
  expect(leftS).toBeLessThanOrEqual(3_600);
});

test("3.16: a seller is found and paid over a broker that both reach, though their networks are not joined", {
  timeout: 40_000,
}, async ({ skip }) => {
  const missing = netnsMissing();
  if (missing !== undefined) skip(missing);
  const networks = openTwoNetworks();
  site.onClose(() => networks.close());
  expect(networks.areJoined()).toBe(false);
  const listen = ["broker", "--json", "--host", "0.0.0.0", "--port", "0"];
  const broker = site.start(listen, {}, networks.middle);
  const { port } = new URL(String((await broker.until("ready"))["url"]));
  const { first, second } = networks;
  const device = await site.startDevice({
    broker: `mqtt://${first.middle}:${port}`,
    within: first.within,
  });
  const from = ["--broker", `mqtt://${second.middle}:${port}`, "--operator", device.operatorKey];
  const person = ["--json", "--identity", site.identity("far")];
  const buyer = site.start(["buy", "--service", "1", ...from, ...person], {}, second.within);
  expect(await buyer.ended(20_000), buyer.output).toBe(0);
  expect(buyer.of("init")).toMatchObject([{ device: device.id, trust: "given" }]);
  expect(receiptsOf(buyer)).toHaveLength(2);
});
