// Where a card number may not be: on any disk, in any line that a process writes, in any byte that crosses the
// broker; in clear, packed, or in the usual encodings.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import { freePort, receiptsOf, Site } from "./site.ts";

/** Valid by its check digit, and none of the simulated host's own test cards. */
const PAN = "5555555555554444";
const DECLINED_PAN = "4000000000000002";

/** A card number as it could leak: digits, grouped digits, packed digits, and ASCII as hex or base64. */
function traces(pan: string): readonly Buffer[] {
  const ascii = Buffer.from(pan);
  // Base64 at each of the three offsets, without the characters that depend on the neighbours.
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), ascii]).toString("base64");
    return text.slice(offset === 0 ? 0 : 4, -4);
  });
  const groups = [" ", "-"].map((by) => pan.replace(/(....)(?=.)/g, `$1${by}`));
  const texts = [pan, ascii.toString("hex"), ...base64, ...groups];
  return [Buffer.from(pan, "hex"), ...texts.map((text) => Buffer.from(text))];
}

function findTraces(pan: string, bytes: Uint8Array): number {
  const searched = Buffer.from(bytes);
  return traces(pan).filter((trace) => searched.includes(trace)).length;
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("the search finds a card number that is there", () => {
  const file = join(site.folder, "planted");
  for (const trace of traces(PAN)) {
    writeFileSync(file, Buffer.concat([Buffer.alloc(5), trace, Buffer.alloc(5)]));
    const [found = ""] = filesOf(site.folder);
    expect(findTraces(PAN, readFileSync(found)), trace.toString("latin1")).toBeGreaterThan(0);
  }
  const encoded = Buffer.from(`x${PAN}x`).toString("base64");
  expect(findTraces(PAN, Buffer.from(encoded))).toBe(1);
});

test("I12: no card number is on a disk, in a log or on the broker, paid or declined", async () => {
  const port = await freePort();
  await site.startBroker(port);
  const broker = `mqtt://127.0.0.1:${port}`;
  const listener = await openMqttLink({ url: broker, clientId: "listener" });
  site.onClose(() => listener.close());
  const crossed: Uint8Array[] = [];
  listener.onMessage(({ topic, payload }) => crossed.push(Buffer.from(topic), payload));
  await listener.subscribe("#");
  const device = await site.startDevice({ broker });
  const paid = site.consume(device, "payer", ["buy", "--card", PAN]);
  expect(await paid.ended()).toBe(0);
  expect(receiptsOf(paid)).toHaveLength(2);
  const declined = site.consume(device, "payer", ["buy", "--card", DECLINED_PAN]);
  expect(await declined.ended()).toBe(1);
  const shown = site.start([
    ...["buy", "--broker", broker, "--identity", site.identity("payer"), "--card", PAN],
  ]);
  expect(await shown.ended()).toBe(0);
  expect(shown.output).toContain(PAN.slice(-4));
  device.program.signal("SIGINT");
  expect(await device.program.ended()).toBe(0);
  const places = new Map<string, Uint8Array>();
  for (const file of filesOf(site.folder)) places.set(file, readFileSync(file));
  for (const program of [device.program, paid, declined, shown]) {
    places.set(`output of ${program.pid}`, Buffer.from(program.output));
  }
  places.set("broker", Buffer.concat(crossed));
  expect(crossed.length).toBeGreaterThan(40);
  expect([...places.keys()].some((name) => name.endsWith("payment-host.db"))).toBe(true);
  expect([...places.keys()].some((name) => name.endsWith("consumer.db"))).toBe(true);
  for (const pan of [PAN, DECLINED_PAN]) {
    for (const [name, bytes] of places) expect(findTraces(pan, bytes), name).toBe(0);
  }
});
