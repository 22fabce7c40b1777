// `sluice token` from the operator's key to a tag and back, through the reader's real driver on a pseudo-terminal; and
// to a delivery over the network.

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { deviceName } from "../../firmware/token/certificate.ts";
import { tokenOf } from "../../firmware/token/prepaid-tag.ts";
import { verifyPrepaid } from "../../firmware/token/prepaid-token.ts";
import { thumbprint } from "../../firmware/token/signed.ts";
import { writeKeyFile } from "../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openPty, type Pty } from "../../hal/linux/pty.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import { type SimPn532, simPn532 } from "../../hal/sim/sim-pn532.ts";
import { ntag213, type4Tag } from "../../hal/sim/sim-tag.ts";
import { type Output, parseCommand } from "../../tools/command.ts";
import { token } from "../../tools/commands/token.ts";
import type { Line, Program } from "./program.ts";
import { type Device, receiptsOf, Site, sum } from "./site.ts";

const crypto = openNodeCrypto();
const operator = crypto.signer(new Uint8Array(32).fill(1));
const DEVICE = deviceName(crypto, crypto.signer(new Uint8Array(32).fill(2)).publicKey);

let folder = "";
let pty: Pty;
let chip: SimPn532;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-token-"));
  writeKeyFile(join(folder, "operator.pem"), "ed25519", new Uint8Array(32).fill(1));
  pty = openPty(join(folder, "reader"));
  chip = simPn532(openSystemClock());
  chip.attach(pty.port);
});
afterEach(async () => {
  chip.close();
  await pty.port.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  code: number;
  facts: Record<string, unknown>[];
  said: string[];
  fault?: { kind: string; message: string };
}

async function sluice(...args: readonly string[]): Promise<Run> {
  const run: Run = { code: 0, facts: [], said: [] };
  const out: Output = {
    json: true,
    say: (line) => run.said.push(line),
    emit: (fact) => run.facts.push({ ...fact }),
    progress: () => {},
    fault: (fault) => {
      run.fault = fault;
    },
  };
  run.code = await token.run({ ...parseCommand(token, args), out });
  return run;
}

const file = (name: string) => join(folder, name);
const mint = (...more: readonly string[]) =>
  sluice(
    ...["mint", "--operator-key", file("operator.pem"), "--device", DEVICE],
    ...["--service", "1", "--units", "5", "--expiry", "48", ...more],
  );

test("a bearer token is minted for its owner's eyes, written to a tag, read back and shown", async () => {
  const minted = await mint("--bearer", "--out", file("t.cbor"));
  expect(minted).toMatchObject({ code: 0, facts: [{ type: "token", bearer: true, onTag: 120 }] });
  expect(statSync(file("t.cbor")).mode & 0o777).toBe(0o600);
  const tag = ntag213("tag");
  chip.present(tag);
  const reader = `pn532:${pty.path()}`;
  const written = await sluice("write", file("t.cbor"), "--reader", reader, "--wait", "10");
  expect(written).toMatchObject({ code: 0, facts: [{ type: "written", bytes: 120 }] });
  const read = await sluice("read", "--reader", reader, "--operator", toHex(operator.publicKey));
  const order = minted.facts[0]?.["order"];
  expect(read).toMatchObject({ code: 0, facts: [{ order, verified: true, units: 5 }] });
  // What stands on the tag, behind its lock control block.
  const signed = tokenOf(tag.dump().subarray(4 * 4 + 7, 4 * 4 + 7 + 120));
  expect(verifyPrepaid(signed ?? new Uint8Array(), operator.publicKey, crypto)).toMatchObject({
    ok: true,
    value: { device: DEVICE, service: 1, units: 5 },
  });
}, 20_000);

test("a token of a consumer's names his key, by itself or by the id that he knows", async () => {
  const key = new Uint8Array(32).fill(9);
  const id = toHex(thumbprint(crypto, key));
  for (const consumer of [toHex(key), id]) {
    const { facts } = await mint("--consumer", consumer);
    expect(facts[0]).toMatchObject({ consumer: id, onTag: 132 });
    const shown = await sluice("show", String(facts[0]?.["signed"]));
    expect(shown.facts[0]).toMatchObject({ consumer: id, verified: false });
  }
});

test("what does not go says what to do", async () => {
  const reader = ["--reader", `pn532:${pty.path()}`, "--wait", "1"];
  const { facts } = await mint("--bearer");
  const signed = String(facts[0]?.["signed"]);
  expect(await sluice("read", ...reader)).toMatchObject({ code: 1, fault: { kind: "timed-out" } });
  chip.present(ntag213("old", { readOnly: true }));
  expect((await sluice("write", signed, ...reader)).fault?.message).toMatch(/may not be written/);
  chip.remove();
  chip.present(type4Tag("small", { fileBytes: 64 }));
  expect((await sluice("write", signed, ...reader)).fault?.message).toMatch(/holds \d+ bytes only/);
  expect((await sluice("read", ...reader)).code).toBe(1);
  const stranger = toHex(new Uint8Array(32).fill(7));
  expect((await sluice("show", signed, "--operator", stranger)).fault?.kind).toBe("signature");
  expect((await sluice("write", "c0ffee", ...reader)).fault?.kind).toBe("malformed");
  expect((await sluice("write", signed)).code).toBe(2);
  expect((await sluice("burn")).code).toBe(2);
}, 20_000);

test.each([
  [["--bearer", "--consumer", "00"], "say whose it is"],
  [[], "say whose it is"],
  [["--consumer", "0011"], "--consumer is a key"],
  [["--bearer", "--expiry", "2020-01-31"], "in the past"],
  [["--bearer", "--expiry", "tomorrow"], "a number of hours, or a date"],
  [["--bearer", "--expiry", "2027-13-45"], "a number of hours, or a date"],
  [["--bearer", "--units", "0"], "--units is a whole number"],
  [["--bearer", "--service", "70000"], "--service is a whole number"],
  [["--bearer", "--device", "charger"], "--device is the id"],
])("mint %s is called wrongly", async (args, said) => {
  const run = await mint(...args);
  expect([run.code, run.facts]).toEqual([2, []]);
  expect(run.fault?.message).toContain(said);
});

test("a day is good to its end, in UTC", async () => {
  const { facts } = await mint("--bearer", "--expiry", "2030-01-31");
  expect(facts[0]).toMatchObject({ expires: "2030-02-01T00:00:00.000Z" });
});

describe("shown over the network, by `sluice begin --token`,", () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  async function minted(device: Device, whose: readonly string[]): Promise<string> {
    const path = join(site.folder, "token.cbor");
    const what = ["--device", device.id, "--service", "1", "--units", "2", "--expiry", "1"];
    const run = await site.run(["token", "mint", ...what, ...whose, "--out", path]);
    expect({ ended: await run.ended(), said: run.output }).toMatchObject({ ended: 0 });
    return path;
  }

  const faultOf = (program: Program): Line | undefined => program.of("fault").at(-1);
  const bundles = (person: string): readonly string[] => {
    const kept = join(site.identity(person), "receipts");
    return existsSync(kept) ? readdirSync(kept).map((name) => join(kept, name)) : [];
  };

  test("I1 I3: a bearer token is delivered once, what is left to the next, and there is a receipt for each", {
    timeout: 120_000,
  }, async () => {
    const device = await site.startDevice({ bearers: true });
    const path = await minted(device, ["--bearer"]);
    const begin = (person: string, ...more: readonly string[]) =>
      site.consume(device, person, ["begin", "--token", path, ...more]);
    const first = begin("a", "--units", "1");
    expect({ ended: await first.ended(), said: first.output }).toMatchObject({ ended: 0 });
    expect(receiptsOf(first)).toMatchObject([
      { is: "session", session: 1, pulses: 1000, units: 1, unit: "kWh", prepaid: "bearer" },
    ]);
    expect(first.of("progress").at(-1)).toMatchObject({ amountMinor: 0, unit: "kWh" });
    // Whoever has a bundle has the token: there is none as long as it is good for something.
    expect(bundles("a")).toEqual([]);
    const tooMuch = begin("b", "--units", "2");
    expect(await tooMuch.ended()).toBe(1);
    expect(faultOf(tooMuch)).toMatchObject({ kind: "units-out-of-range" });
    const rest = begin("b");
    expect({ ended: await rest.ended(), said: rest.output }).toMatchObject({ ended: 0 });
    expect(receiptsOf(rest)).toMatchObject([
      { is: "session", session: 2, pulses: 1000 },
      { is: "settlement", sessions: 2, pulses: 2000, capturedMinor: 0, reason: "exhausted" },
    ]);
    for (const person of ["c", "a"]) {
      const late = begin(person);
      expect(await late.ended()).toBe(1);
      expect(faultOf(late)).toMatchObject({ kind: "token-exhausted" });
    }
    // What ran on after the switch was told to open was given.
    const ranOn = sum(receiptsOf(first, rest).slice(0, 2), "runOnPulses");
    expect(site.outlet("socket-1").register).toBe(2000 + ranOn);
    expect(site.charges()).toEqual([]);
    const [bundle = ""] = bundles("b");
    const verified = await site.run(["verify", bundle, "--operator", device.operatorKey, "--json"]);
    expect({ ended: await verified.ended(), said: verified.output }).toMatchObject({ ended: 0 });
    expect(verified.of("prepaid")).toMatchObject([{ units: 2, bearer: true }]);
    expect(verified.of("verified")).toMatchObject([{ receipts: 2, trusted: true }]);
  });

  test("one that names a consumer is his: he stops, goes on with his order, and nobody else begins", {
    timeout: 120_000,
  }, async () => {
    const device = await site.startDevice({ benchRate: 40 });
    const asked = site.consume(device, "a", ["status"]);
    expect(await asked.ended()).toBe(0);
    const path = await minted(device, [
      "--consumer",
      String(asked.of("identity")[0]?.["customer"]),
    ]);
    const other = site.consume(device, "b", ["begin", "--token", path]);
    expect(await other.ended()).toBe(1);
    expect(faultOf(other)).toMatchObject({ kind: "wrong-consumer", at: "token.consumer" });
    const first = site.consume(device, "a", ["begin", "--token", path]);
    await first.until("progress", ({ pulses }) => Number(pulses) > 200);
    first.signal("SIGINT");
    expect({ ended: await first.ended(), said: first.output }).toMatchObject({ ended: 0 });
    const orders = site.consume(device, "a", ["status"]);
    expect(await orders.ended()).toBe(0);
    expect(orders.of("order")).toMatchObject([{ state: "paid", prepaid: true, receipts: 1 }]);
    const rest = site.consume(device, "a", ["begin", "last"]);
    expect({ ended: await rest.ended(20_000), said: rest.output }).toMatchObject({ ended: 0 });
    expect(sum(receiptsOf(first, rest).slice(0, 2), "pulses")).toBe(2000);
    const [bundle = ""] = bundles("a");
    const verified = await site.run(["verify", bundle, "--operator", device.operatorKey, "--json"]);
    expect({ ended: await verified.ended(), said: verified.output }).toMatchObject({ ended: 0 });
    const again = site.consume(device, "a", ["begin", "--token", path]);
    expect(await again.ended()).toBe(1);
    expect(faultOf(again)).toMatchObject({ kind: "order-closed" });
  });

  test("a file that is none says so before anybody is asked", async () => {
    const yaml = join(site.folder, "device.yaml");
    writeFileSync(yaml, "version: 1\n");
    const begin = async (...args: readonly string[]) => {
      const url = ["--broker", "mqtt://127.0.0.1:9", "--identity", site.identity("a")];
      const run = await site.run(["begin", "--json", ...args, ...url]);
      return { ended: await run.ended(), fault: faultOf(run) };
    };
    expect(await begin("--token", yaml)).toMatchObject({
      ended: 1,
      fault: { at: "--token", message: expect.stringContaining("sluice token mint") },
    });
    const missing = join(site.folder, "missing.cbor");
    expect(await begin("--token", missing)).toMatchObject({
      ended: 1,
      fault: { kind: "not-found", at: "--token", message: expect.stringContaining("ENOENT") },
    });
    expect(await begin("last", "--token", yaml)).toMatchObject({
      ended: 2,
      fault: { kind: "usage", message: expect.stringContaining("not both") },
    });
  });
});
