// What consumer commands make of their options: broker, operator keys, cards, numbers, orders, devices.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { toHex } from "../../firmware/bytes.ts";
import { type Found, fits, onlyOne } from "../../firmware/consumer/discovery.ts";
import type { Purchase } from "../../firmware/consumer/purchase.ts";
import type { Result } from "../../firmware/result.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { chooseBroker } from "../../tools/broker-choice.ts";
import { readCard } from "../../tools/card-option.ts";
import { parseCommand } from "../../tools/command.ts";
import { buy } from "../../tools/commands/buy.ts";
import { pay } from "../../tools/commands/pay.ts";
import { deviceFilter, unchosen } from "../../tools/device-choice.ts";
import { identityFolder, openIdentity } from "../../tools/identity.ts";
import { readOperatorKey } from "../../tools/operator-key.ts";
import { integerOption } from "../../tools/option-value.ts";
import { resolveOrder } from "../../tools/order-reference.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-options-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the broker", () => {
  const running = () => ({ url: "mqtt://127.0.0.1:4711", pid: 1, deviceId: "x" });
  const none = () => undefined;

  test.each([
    [
      "--broker first",
      "mqtt://a:1",
      { SLUICE_BROKER: "mqtt://b:2" },
      running,
      "mqtt://a:1",
      "--broker",
    ],
    [
      "then the environment",
      undefined,
      { SLUICE_BROKER: "mqtt://b:2" },
      running,
      "mqtt://b:2",
      "SLUICE_BROKER",
    ],
    ["then the running device", undefined, {}, running, "mqtt://127.0.0.1:4711", "running-device"],
  ])("%s", (_, option, environment, state, url, from) => {
    expect(chooseBroker(option, environment, state)).toMatchObject({
      ok: true,
      value: { url, from },
    });
  });

  test.each([
    ["mqtt://localhost", true],
    ["mqtt://127.8.0.1:9", true],
    ["mqtts://[::1]:8883", true],
    ["mqtt://10.0.0.1", false],
    ["mqtt://127.evil.example", false],
    ["mqtt://localhost.example", false],
  ])("%s is loopback: %s", (url, loopback) => {
    expect(chooseBroker(url, {}, none)).toMatchObject({ ok: true, value: { loopback } });
  });

  test("keeps user and password out of what is shown", () => {
    const chosen = chooseBroker("mqtt://me:s%20cret@host:1", {}, none);
    expect(chosen).toMatchObject({
      value: { url: "mqtt://host:1", username: "me", password: "s cret" },
    });
  });

  test.each(["mqtt://%zz@host", "mqtt://me:%ff@host", "mqtt://:s3cret@host"])(
    "refuses the login of %j, without repeating it",
    (url) => {
      const chosen = chooseBroker(url, {}, none);
      expect(chosen).toMatchObject({ ok: false, fault: { kind: "usage" } });
      expect(JSON.stringify(chosen)).not.toMatch(/%zz|%ff|s3cret/);
    },
  );

  test.each(["http://host", "host:1883", ""])("refuses %j as wrong usage", (url) => {
    expect(chooseBroker(url, {}, none)).toMatchObject({ ok: false, fault: { kind: "usage" } });
  });
});

describe("an operator's key", () => {
  const key = openNodeCrypto().signer(new Uint8Array(32).fill(7)).publicKey;
  const head = Buffer.from("302a300506032b6570032100", "hex");
  const der = Buffer.concat([head, key]).toString("base64");

  test.each([
    ["hexadecimal in a file", `${toHex(key)}\n`],
    ["a public key in PEM form", `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`],
  ])("is read from %s", (_, text) => {
    const path = join(folder, "operator.pub");
    writeFileSync(path, text);
    expect(readOperatorKey(path)).toEqual({ ok: true, value: key });
  });

  test("is read from hexadecimal on the command line", () => {
    expect(readOperatorKey(toHex(key))).toEqual({ ok: true, value: key });
  });

  test.each([
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"],
    ["anything else", "hello"],
  ])("is refused from %s", (_, text) => {
    const path = join(folder, "other");
    writeFileSync(path, text);
    expect(readOperatorKey(path)).toMatchObject({ ok: false, fault: { kind: "bad-key-file" } });
  });

  test("is refused from a file that is not there", () => {
    expect(readOperatorKey(join(folder, "none"))).toMatchObject({
      fault: { kind: "bad-key-file" },
    });
  });
});

describe("a card", () => {
  test("is the approving test card when none is named, and says so", () => {
    const read = readCard({});
    expect(read).toMatchObject({ value: { card: { expiryYear: 30, expiryMonth: 12 } } });
    expect(read.ok && read.value.shown).toContain("test card ending 1111");
  });

  test.each([
    ["a number", "5500 0000 0000 0004"],
    ["a short number", "550000000000000"],
    ["letters", "55000000000x0004"],
    ["too many digits", "55000000000000045500000000000004"],
  ])("I12: never shows the number of %s", (_, card) => {
    const told = JSON.stringify(readCard({ card }), (name, value) =>
      name === "card" ? undefined : value,
    );
    expect(told).not.toMatch(/\d{5}/);
  });

  test("I12: a number that stands where no argument is taken is not repeated", () => {
    const call = () => parseCommand(pay, ["last", "5500000000000004"]);
    expect(call).toThrow(/too many/);
    expect(call).not.toThrow(/5500/);
  });

  test.each(["1", "3013", "3000", "12/30"])("refuses the expiry %s", (expiry) => {
    expect(readCard({ expiry })).toMatchObject({ ok: false, fault: { kind: "usage" } });
  });

  test("a name that is no test card's is told with those there are; digits are never quoted", () => {
    const message = (card: string): string => {
      const read = readCard({ card });
      return read.ok ? "" : read.fault.message;
    };
    expect(message("aprove")).toMatch(
      /^there is no test card aprove: did you mean approve\?; there is approve, decline, /,
    );
    expect(message("4242 4242")).toBe(
      "a card number has 12 to 19 digits, or is a test card's name",
    );
  });
});

describe("a number", () => {
  test.each(["0", "-1", "1.5", "1e3", "abc", "", "11", "99999999999999999999"])(
    "%j is refused",
    (units) => {
      expect(integerOption({ units }, "units", { min: 1, max: 10 })).toMatchObject({
        ok: false,
        fault: { kind: "usage", at: "--units" },
      });
    },
  );

  test("is undefined when it is not given", () => {
    expect(integerOption({}, "units", { min: 1, max: 10 })).toEqual({ ok: true, value: undefined });
  });

  test("an option that does not exist is an error of usage", () => {
    expect(() => parseCommand(buy, ["--unit", "3"])).toThrow(/--unit/);
  });
});

describe("REF", () => {
  const purchase = (id: string, madeMs: number): Purchase => ({ id, madeMs }) as Purchase;
  const orders = [
    purchase("aa11000000000000", 2),
    purchase("ab22000000000000", 3),
    purchase("bb33000000000000", 1),
  ];
  const idOf = (reference: string | undefined) => {
    const found = resolveOrder(orders, reference);
    return found.ok ? found.value.id : found.fault.kind;
  };

  test.each([
    ["bb33000000000000", "bb33000000000000"],
    ["AA", "aa11000000000000"],
    ["ab2", "ab22000000000000"],
    ["last", "ab22000000000000"],
    ["a", "usage"],
    ["cc", "order-unknown"],
    ["zz", "usage"],
    ["aa110000000000000", "usage"],
    ["", "usage"],
    [undefined, "usage"],
  ])("%j is %s", (reference, wanted) => {
    expect(idOf(reference)).toBe(wanted);
  });

  test("of an identity without orders is unknown, also as last", () => {
    expect(resolveOrder([], "last")).toMatchObject({ fault: { kind: "order-unknown" } });
  });
});

describe("the device", () => {
  const found = (device: string, name: string): Found => {
    const signed = new Uint8Array();
    return { device, name, operator: "0011223344556677", types: [], signed };
  };
  const both = [found("AAAAAAAAAAA", "Pump"), found("BBBBBBBBBBB", "Pump")];
  const chooseDevice = (all: readonly Found[], to: string | undefined): Result<Found> => {
    const chosen = onlyOne(all.filter((one) => fits(one, deviceFilter(all, to))));
    return chosen.ok ? chosen : { ok: false, fault: unchosen(all, to, chosen.fault.kind) };
  };

  test.each([
    ["the only one", both.slice(0, 1), undefined, "AAAAAAAAAAA"],
    ["one by its id", both, "BBBBBBBBBBB", "BBBBBBBBBBB"],
    [
      "one by its name",
      [...both.slice(0, 1), found("CCCCCCCCCCC", "Washer")],
      "Pump",
      "AAAAAAAAAAA",
    ],
  ])("is %s", (_, all, to, device) => {
    expect(chooseDevice(all, to)).toMatchObject({ ok: true, value: { device } });
  });

  test.each([
    ["several and no choice", both, undefined, "usage"],
    ["several of that name", both, "Pump", "usage"],
    ["none at all", [], undefined, "not-found"],
    ["none of that name", both, "Washer", "not-found"],
  ])("%s is refused", (_, all, to, kind) => {
    expect(chooseDevice(all, to)).toMatchObject({ ok: false, fault: { kind } });
  });

  test("several are listed for the choice", () => {
    const chosen = chooseDevice(both, undefined);
    expect(chosen.ok || chosen.fault.message).toMatch(/AAAAAAAAAAA.*\n.*BBBBBBBBBBB/);
  });
});

describe("an identity", () => {
  test("is in the user's folder for state when nobody says", () => {
    expect(identityFolder(undefined, { XDG_STATE_HOME: "/s" })).toBe("/s/sluice/consumer");
    expect(identityFolder(undefined, { HOME: "/h" })).toBe("/h/.local/state/sluice/consumer");
  });

  test("keeps its key from its first use on", async () => {
    const first = await openIdentity(join(folder, "me"));
    await first.store.close();
    const second = await openIdentity(join(folder, "me"));
    await second.store.close();
    expect(second.boxSecret).toEqual(first.boxSecret);
    expect(first.boxSecret).toHaveLength(32);
  });
});
