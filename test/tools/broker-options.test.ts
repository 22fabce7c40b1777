// Which broker, over what, with which files: options, the device file, what the network tells, and the list
// that keeps mosquitto's clients apart.

import { describe, expect, test } from "vitest";
import type { Result } from "../../firmware/result.ts";
import { parseBroker, pickBroker, readTlsOptions } from "../../tools/broker-choice.ts";
import { networkUrls, reachText } from "../../tools/broker-reach.ts";
import type { Output } from "../../tools/command.ts";
import { acl } from "../../tools/commands/acl.ts";
import { parseDeviceFile } from "../../tools/device-file.ts";

const ID = "1uVXC5CVtR0";

describe("a broker's address", () => {
  test.each([
    ["ws://a:8080/mqtt", "ws://a:8080/mqtt"],
    ["wss://me:pw@a/", "wss://a"],
    ["ws://a", "ws://a"],
    ["mqtts://a:8883/x", "mqtts://a:8883"],
    ["ws://a/b?token=secret#c", "ws://a/b"],
  ])("%s is kept as %s", (text, url) => {
    expect(parseBroker(text, "--broker")).toMatchObject({ ok: true, value: { url } });
  });
});

describe("what the network tells", () => {
  const one = { name: "Pump", id: ID, host: "10.0.0.5", port: 1883 };
  const two = { name: "Charger", id: "AAAAAAAAAAA", host: "10.0.0.6", port: 1884 };

  test("nothing gives the port of custom, one is taken and never trusted as this machine", () => {
    expect(pickBroker([])).toMatchObject({
      value: { url: "mqtt://127.0.0.1:1883", from: "default", loopback: true },
    });
    expect(pickBroker([one])).toMatchObject({
      value: { url: "mqtt://10.0.0.5:1883", from: "network", loopback: false },
    });
    for (const host of ["127.0.0.1", "localhost"]) {
      expect(pickBroker([{ ...one, host }])).toMatchObject({ value: { loopback: false } });
    }
  });

  test("several are listed for the user to choose", () => {
    const picked = pickBroker([one, two]);
    expect(picked).toMatchObject({ ok: false, fault: { kind: "usage", at: "--broker" } });
    const message = picked.ok ? "" : picked.fault.message;
    for (const text of ["mqtt://10.0.0.5:1883", "mqtt://10.0.0.6:1884", "Pump", ID, "Charger"]) {
      expect(message).toContain(text);
    }
  });
});

describe("the files for TLS", () => {
  const url = "mqtts://a";
  test("are taken as they are named, and none is nothing", () => {
    expect(readTlsOptions({}, url)).toEqual({ ok: true, value: undefined });
    const values = { ca: "ca.pem", cert: "a.pem", key: "a.key" };
    expect(readTlsOptions(values, url)).toEqual({ ok: true, value: values });
    expect(readTlsOptions({ ca: "ca.pem" }, "wss://a")).toMatchObject({ ok: true });
  });

  test.each([
    ["a certificate without its key", { cert: "a.pem" }, url],
    ["a key without its certificate", { key: "a.key" }, url],
    ["any of them where nothing is encrypted", { ca: "ca.pem" }, "mqtt://a"],
    ["any of them where nothing is encrypted", { ca: "ca.pem" }, "ws://a"],
  ])("%s is wrong usage", (_, values, at) => {
    expect(readTlsOptions(values, at)).toMatchObject({ ok: false, fault: { kind: "usage" } });
  });
});

describe("the broker of a device file", () => {
  const file = (broker: string) =>
    parseDeviceFile(
      [
        "{ version: 1, name: P, board: virtual-charger, services: [{ id: 1, name: E,",
        "outlet: socket-1, meter: energy, unitsMax: 9, tokenLifeHours: 1, undelivered: refund,",
        "prices: [{ id: 1, name: per kWh, amountMinor: 45, currency: EUR }] }],",
        `broker: { ${broker} } }`,
      ].join("\n"),
      "/etc/sluice",
    );
  const brokerOf = (text: string): unknown => {
    const read = file(text);
    return read.ok ? read.value.broker : read.fault;
  };

  test("names files from the folder of the device file", () => {
    const text = "url: 'mqtts://a:8883', ca: ca.crt, cert: own/d.crt, key: /run/d.key";
    expect(brokerOf(text)).toEqual({
      url: "mqtts://a:8883",
      tls: { ca: "/etc/sluice/ca.crt", cert: "/etc/sluice/own/d.crt", key: "/run/d.key" },
    });
    expect(brokerOf("url: 'ws://a/mqtt'")).toEqual({ url: "ws://a/mqtt" });
    expect(brokerOf("host: 0.0.0.0, ws: 8080")).toEqual({ host: "0.0.0.0", port: 1883, ws: 8080 });
  });

  test.each([
    ["url: 'mqtt://a', ca: ca.crt", "broker.url"],
    ["url: 'mqtts://a', cert: d.crt", "broker.cert"],
    ["url: 'mqtts://a', key: d.key", "broker.key"],
    ["ca: ca.crt", "broker.ca"],
    ["url: 'mqtts://a', ws: 8080", "broker.ws"],
    ["url: 'wss://me:pw@a'", "broker.url"],
    ["url: 'mqtts://a', ca: ''", "broker.ca"],
    ["ws: 70000", "broker.ws"],
  ])("%s is refused at %s", (text, at) => {
    expect(brokerOf(text)).toMatchObject({ kind: "malformed", at });
  });
});

describe("who reaches the broker that we opened", () => {
  test("is nobody else on loopback, and is said beyond it", () => {
    const inside = { isOpen: false, host: "127.0.0.1", port: 1 };
    expect([networkUrls(inside), reachText(inside)]).toEqual([[], []]);
    const outside = { isOpen: true, host: "192.0.2.1", port: 1883 };
    expect(networkUrls(outside)).toEqual(["mqtt://192.0.2.1:1883"]);
    expect(reachText(outside).join("\n")).toMatch(/192\.0\.2\.1.*\n.*beyond this machine/);
    expect(networkUrls({ ...outside, host: "2001:db8::1" })).toEqual(["mqtt://[2001:db8::1]:1883"]);
  });
});

describe("sluice acl", () => {
  async function run(device: string[], service: string[] = []) {
    const said: string[] = [];
    const faults: Extract<Result<never>, { ok: false }>["fault"][] = [];
    const out: Output = {
      json: false,
      say: (line) => said.push(line),
      emit: () => undefined,
      progress: () => undefined,
      fault: (fault) => faults.push(fault),
    };
    const code = await acl.run({ values: { device, service }, positionals: [], out });
    return { code, said, faults };
  }

  test("gives a device its own topics, and everybody else those of his connection", async () => {
    const { code, said } = await run([ID, ID]);
    expect(code).toBe(0);
    expect(said.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([
      "pattern read s1/a/+",
      "pattern write s1/q/+/%c",
      "pattern write s1/p/+/%c",
      "pattern read s1/r/%c",
      `user ${ID}`,
      `topic write s1/a/${ID}`,
      `topic read s1/q/${ID}/+`,
      `topic read s1/p/${ID}/+`,
      "topic write s1/r/+",
    ]);
  });

  test("gives a flow service what devices say to it, and devices what it says", async () => {
    const service = "epDEzUj28Fs";
    const { said } = await run([ID], [service]);
    expect(said.slice(said.indexOf("topic write s1/r/+") + 1)).toEqual([
      `topic write s1/f/${ID}/+`,
      `topic read s1/g/${ID}/+`,
      "",
      `user ${service}`,
      `topic read s1/f/+/${service}`,
      `topic write s1/g/+/${service}`,
    ]);
    const { code, faults } = await run([ID], [`${service}\nuser root`]);
    expect([code, faults]).toMatchObject([2, [{ kind: "usage", at: "--service" }]]);
  });

  test.each([[[]], [["x"]], [["+"]], [[`${ID}\nuser root`]], [[ID, "1uVXC5CVtR#"]]])(
    "refuses %j: no line comes from what is no id",
    async (devices) => {
      const { code, said, faults } = await run(devices);
      expect([code, said]).toEqual([2, []]);
      expect(faults).toMatchObject([{ kind: "usage", at: "--device" }]);
    },
  );
});
