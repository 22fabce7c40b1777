// The consumer's commands as separate processes of one identity against a running device, over TCP: each
// step of a purchase by itself, then what it leaves to be checked offline.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Line, pause } from "./program.ts";
import { type Device, Site } from "./site.ts";

const CARD = "4111111111111111";

const site = new Site();
let device: Device;
beforeAll(async () => {
  device = await site.startDevice();
});
afterAll(() => site.close());

async function command(
  args: readonly string[],
  exitCode = 0,
  person = "buyer",
): Promise<readonly Line[]> {
  const program = site.consume(device, person, args);
  expect(await program.ended(), `sluice ${args.join(" ")}\n${program.output}`).toBe(exitCode);
  return program.lines;
}

function only(lines: readonly Line[], step: string): Line {
  const found = lines.filter((line) => line["step"] === step || line["type"] === step);
  expect(found).toHaveLength(1);
  return found[0] ?? {};
}

const ofOperator = () => ["--operator", device.operatorKey];

test("a device is found, first as a stranger, and pinned by who deals with it", async () => {
  const { id } = device;
  const person = "stranger";
  const seen = only(await command(["discover", "--timeout", "1"], 0, person), "discover");
  expect(seen).toMatchObject({
    device: id,
    verified: false,
    operator: expect.stringMatching(/^[0-9a-f-]{19}$/),
  });
  const met = only(await command(["services"], 0, person), "init");
  expect(met).toMatchObject({
    device: id,
    trust: "first-use",
    operator: seen["operator"],
    bench: true,
  });
  const again = only(await command(["discover", "--timeout", "1"], 0, person), "discover");
  expect(again).toMatchObject({ device: id, verified: true });
});

test("an operator named by hand is the only one that is dealt with", async () => {
  expect(only(await command(["services", ...ofOperator()], 0, "careful"), "init")).toMatchObject({
    trust: "given",
  });
  const other = ["--operator", "11".repeat(32)];
  expect(only(await command(["services", ...other], 1, "careful"), "fault")).toMatchObject({
    kind: "untrusted",
  });
});

test("quote, pay, begin, end and verify are processes of their own", {
  timeout: 30_000,
}, async () => {
  const listed = (await command(["prices", "--service", "1"])).filter(
    ({ step }) => step === "prices",
  );
  const { service, price } = listed[0] ?? {};
  const asked = ["--service", String(service), "--price", String(price), "--units", "5"];
  const offer = only(await command(["quote", ...asked]), "select");
  const order = String(offer["ref"]);
  const paid = only(await command(["pay", order.slice(0, 6), "--card", CARD]), "pay");
  expect(paid).toMatchObject({ order, state: "paid", totalMinor: offer["totalMinor"] });

  const save = join(site.folder, "bundle.json");
  const delivery = site.consume(device, "buyer", ["begin", "last", "--save", save]);
  await delivery.until("progress", ({ pulses }) => Number(pulses) > 0);
  const ended = await command(["end", order]);
  expect(await delivery.ended()).toBe(0);
  const stop = only(delivery.lines, "end");
  expect(stop).toMatchObject({ order, session: 1, stop: "consumer-end" });
  expect(Number(stop["pulses"])).toBeGreaterThan(0);
  expect(only(ended, "end")).toMatchObject({ order, running: true });

  const checked = await command(["status", order]);
  const settlement = checked.find((line) => line["is"] === "settlement") ?? {};
  const { capturedMinor, amountMinor, refundedMinor } = settlement;
  expect(capturedMinor).toBe(offer["totalMinor"]);
  expect(Number(amountMinor) + Number(refundedMinor)).toBe(capturedMinor);

  const proof = await site.run(["verify", save, ...ofOperator(), "--json"]);
  expect(only(proof.lines, "verified")).toMatchObject({ trusted: true });
  expect(proof.of("receipt").length).toBeGreaterThan(0);
  const touched = readFileSync(save, "utf8").replace(/("offer": ".{90})(.)/, (_, head, digit) => {
    return head + (digit === "0" ? "1" : "0");
  });
  writeFileSync(save, touched);
  const refused = await site.run(["verify", save, "--json"]);
  expect(await refused.ended()).toBe(1);
});

test("buy goes from finding the device to a receipt that verify accepts", {
  timeout: 30_000,
}, async () => {
  const person = "passer-by";
  const lines = await command(["buy", "--service", "1", "--units", "1", "--max", "100"], 0, person);
  const steps = new Set(lines.map(({ step }) => step));
  for (const step of ["broker", "init", "select", "pay", "begin", "end", "receipt"])
    expect(steps).toContain(step);
  const [file = ""] = readdirSync(join(site.identity(person), "receipts"));
  const proof = await site.run(["verify", join(site.identity(person), "receipts", file), "--json"]);
  expect(only(proof.lines, "verified")).toMatchObject({ receipts: 2, trusted: false });
});

test("a delivery whose process was killed is joined again by the next", {
  timeout: 30_000,
}, async () => {
  const asked = ["--service", "1", "--price", "1", "--units", "3"];
  await command(["quote", ...asked], 0, "twice");
  await command(["pay", "last"], 0, "twice");
  const first = site.consume(device, "twice", ["begin", "last"]);
  await first.until("progress");
  first.signal("SIGKILL");
  const lines = await command(["begin", "last"], 0, "twice");
  expect(only(lines, "end")).toMatchObject({ session: 1, stop: "exhausted", pulses: 3000 });
});

test("Ctrl-C ends a delivery and waits for its receipt", { timeout: 30_000 }, async () => {
  const bought = site.consume(device, "hasty", ["buy", "--service", "1", "--units", "9"]);
  await bought.until("progress");
  await pause(100);
  bought.signal("SIGINT");
  expect(await bought.ended()).toBe(0);
  expect(only(bought.lines, "end")).toMatchObject({ stop: "consumer-end" });
  expect(bought.of("receipt")).toHaveLength(2);
});

describe("what is refused", () => {
  test("I12: a declined card, and no output repeats its number", async () => {
    const program = site.consume(device, "poor", [
      "buy",
      "--service",
      "1",
      "--card",
      "4000000000000002",
    ]);
    expect(await program.ended()).toBe(1);
    expect(only(program.lines, "fault")).toMatchObject({ kind: "declined" });
    expect(program.output).not.toContain("4000000000000002");
  });

  test("a total above the limit", async () => {
    const lines = await command(["buy", "--service", "1", "--max", "10"], 1);
    expect(only(lines, "fault")).toMatchObject({ kind: "over-limit" });
  });

  test.each([
    [["quote"], "usage"],
    [["pay", "xyz"], "usage"],
    [["buy", "--units", "0"], "usage"],
    [["buy", "--wrong"], "usage"],
  ])("%j, with exit code 2", async (args, kind) => {
    expect(only(await command(args, 2), "fault")).toMatchObject({ kind });
  });

  test("a broker that is not there, saying what to do", async () => {
    const program = await site.run(["services", "--json", "--broker", "mqtt://127.0.0.1:9"]);
    expect(await program.ended()).toBe(1);
    expect(program.output).toContain("sluice run");
  });
});
