// Where a card number, a private key and a bearer token may not be: on any disk but where they are kept, in any line
// that a process writes, in any byte that crosses the broker; in clear, packed, or in the usual encodings.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openMqttLink } from "../../hal/linux/mqtt-link.ts";
import {
  filesOf,
  foundIn,
  keysOf,
  nameTraces,
  secretTraces,
  traces,
} from "../support/card-traces.ts";
import type { Program } from "./program.ts";
import { freePort, receiptsOf, Site } from "./site.ts";

/** Valid by its check digit, and none of the simulated host's own test cards. */
const PAN = "5555555555554444";
const DECLINED_PAN = "4000000000000002";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.close());

test("the search finds a key, a token and a name in every form, also inside of other text", () => {
  const secret = randomBytes(64);
  for (const forms of [secretTraces(secret), nameTraces("QUILLFEATHER")]) {
    for (const [form, trace] of forms) {
      const within = Buffer.concat([Buffer.from("x="), trace, Buffer.from("&")]);
      expect(foundIn(within, forms), form).toContain(form);
    }
  }
  for (const before of ["", "a", "ab", "abc"]) {
    const text = Buffer.concat([Buffer.from(before), secret, Buffer.from("end")]);
    for (const encoding of ["base64", "base64url"] as const) {
      const encoded = Buffer.from(text.toString(encoding));
      expect(foundIn(encoded, secretTraces(secret))).not.toEqual([]);
    }
  }
  expect(foundIn(randomBytes(1000), secretTraces(secret))).toEqual([]);
});

/** Everything that crosses the broker from now on. */
async function listen(broker: string): Promise<Uint8Array[]> {
  const listener = await openMqttLink({ url: broker, clientId: "listener" });
  site.onClose(() => listener.close());
  const crossed: Uint8Array[] = [];
  listener.onMessage(({ topic, payload }) => crossed.push(Buffer.from(topic), payload));
  await listener.subscribe("#");
  return crossed;
}

/** What is left of a site: files, what programs wrote, and what crossed the broker. */
function placesOf(
  programs: readonly Program[],
  crossed: readonly Uint8Array[],
): ReadonlyMap<string, Uint8Array> {
  const outputs = programs.map(
    ({ pid, output }) => [`output of ${pid}`, Buffer.from(output)] as const,
  );
  return new Map([...filesOf(site.folder), ...outputs, ["broker", Buffer.concat(crossed)]]);
}

/** No key is anywhere but in its file. */
function expectKeysKept(places: ReadonlyMap<string, Uint8Array>, files: number): void {
  const keys = keysOf(site.folder);
  expect([...keys.keys()]).toHaveLength(files);
  for (const [file, forms] of keys) {
    const found = [...places].filter(([, bytes]) => foundIn(bytes, forms).length > 0);
    expect(found.map(([name]) => name)).toEqual([file]);
  }
}

test("I12: no card number is on a disk, in a log or on the broker, paid or declined", {
  timeout: 120_000,
}, async () => {
  const port = await freePort();
  await site.startBroker(port);
  const broker = `mqtt://127.0.0.1:${port}`;
  const crossed = await listen(broker);
  const device = await site.startDevice({ broker, logLevel: "debug" });
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
  const places = placesOf([device.program, paid, declined, shown], crossed);
  expect(crossed.length).toBeGreaterThan(40);
  expect([...places.keys()].some((name) => name.endsWith("payment-host.db"))).toBe(true);
  expect([...places.keys()].some((name) => name.endsWith("consumer.db"))).toBe(true);
  const declinedForms = new Map(traces(DECLINED_PAN));
  // Nothing but zeros, of which every file has some.
  declinedForms.delete("packed at half a byte");
  for (const forms of [traces(PAN), declinedForms]) {
    for (const [name, bytes] of places) expect(foundIn(bytes, forms), name).toEqual([]);
  }
  expectKeysKept(places, 5);
});

test("I12: a bearer token is in its file and the two books, and on no wire, in no output and no other file", {
  timeout: 120_000,
}, async () => {
  const port = await freePort();
  await site.startBroker(port);
  const broker = `mqtt://127.0.0.1:${port}`;
  const crossed = await listen(broker);
  const device = await site.startDevice({ broker, bearers: true, logLevel: "debug" });
  const file = join(site.folder, "token.cbor");
  const what = ["--device", device.id, "--service", "1", "--units", "4", "--expiry", "1"];
  const minted = await site.run(["token", "mint", ...what, "--bearer", "--out", file]);
  expect({ ended: await minted.ended(), said: minted.output }).toMatchObject({ ended: 0 });
  const told = site.consume(device, "a", ["begin", "--token", file, "--units", "1"]);
  expect(await told.ended()).toBe(0);
  const where = ["--broker", broker, "--identity", site.identity("a")];
  const shown = await site.run(["begin", "last", "--units", "1", ...where]);
  expect({ ended: await shown.ended(), said: shown.output }).toMatchObject({ ended: 0 });
  // Refused: with more than is left, and by another buyer who then has the rest of it in his hand.
  const refused = site.consume(device, "b", ["begin", "--token", file, "--units", "3"]);
  expect(await refused.ended()).toBe(1);
  const looked = await site.run(["token", "show", file]);
  const asked = await site.run(["status", "last", ...where]);
  expect([await looked.ended(), await asked.ended()]).toEqual([0, 0]);
  device.program.signal("SIGINT");
  expect(await device.program.ended()).toBe(0);
  const programs = [device.program, minted, told, shown, refused, looked, asked];
  const places = placesOf(programs, crossed);
  const forms = secretTraces(readFileSync(file).subarray(-64));
  const found = [...places].filter(([, bytes]) => foundIn(bytes, forms).length > 0);
  const names = found.map(([name]) => relative(site.folder, name).replace(/-(wal|shm)$/, ""));
  const kept = ["a/consumer.db", "b/consumer.db", "data/device.db", "token.cbor"];
  expect([...new Set(names)].sort()).toEqual(kept);
  expect(crossed.length).toBeGreaterThan(20);
  expectKeysKept(places, 6);
});
