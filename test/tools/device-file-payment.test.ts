// The payment section of device files: what is left out, what each host needs, and mistakes answered with their path.

import { expect, test } from "vitest";
import { DEFAULT_SETTINGS } from "../../firmware/payment/config/settings.ts";
import { parseDeviceFile } from "../../tools/device-file.ts";

const MERCHANT = "merchant: { merchantId: M1, terminalId: T1, merchantName: Shop }";
const FLOW =
  "{ name: day, type: sale, stages: [{ name: SPLIT, inner: [{ name: FULFILLED_CHECK, inner: [{ name: TRANSACTION_PROCESSING, apps: [payment-application] }] }] }] }";

function file(payment: string, service = ""): string {
  return `
version: 1
name: Pump
board: virtual-pump
${payment === "" ? "" : `payment: ${payment}`}
services:
  - { id: 1, name: Diesel, outlet: nozzle, meter: flow, unitsMax: 100, tokenLifeHours: 1, undelivered: refund,
      prices: [{ id: 1, name: per litre, amountMinor: 164, currency: EUR }] ${service} }
`;
}

function read(payment: string, service?: string) {
  const parsed = parseDeviceFile(file(payment, service), "/etc/sluice");
  if (!parsed.ok) throw new Error(`${parsed.fault.at}: ${parsed.fault.message}`);
  return parsed.value;
}

test("nothing said: simulated money, usual settings, flows that follow from the services", () => {
  const usual = { host: { kind: "simulated" }, settings: DEFAULT_SETTINGS, services: [] };
  expect(read("").payment).toEqual(usual);
  expect(read("{ settings: { historyRows: 7 } }").payment.settings).toEqual({
    ...DEFAULT_SETTINGS,
    historyRows: 7,
  });
});

test("hosts, with their files from the folder of the device file", () => {
  expect(read(`{ host: { kind: stripe, apiKeyFile: key, ${MERCHANT} } }`).payment.host).toEqual({
    kind: "stripe",
    apiKeyFile: "/etc/sluice/key",
    merchant: { merchantId: "M1", terminalId: "T1", merchantName: "Shop" },
  });
  const stand = `{ host: { kind: stripe, apiKeyFile: /k, url: "http://127.0.0.1:12111", caFile: ca.pem, ${MERCHANT} } }`;
  expect(read(stand).payment.host).toMatchObject({
    address: { host: "127.0.0.1", port: 12111, protocol: "http", caFile: "/etc/sluice/ca.pem" },
  });
  const iso = `{ host: { kind: iso8583, host: acquirer, port: 8583, ${MERCHANT} } }`;
  expect(read(iso).payment.host).toMatchObject({
    ...{ kind: "iso8583", address: { host: "acquirer", port: 8583 }, simulated: false },
  });
});

test("a card terminal at a serial port, and payments while the host is out of reach", () => {
  const terminal = "{ host: { kind: terminal, serial: card-terminal, test: true } }";
  expect(read(terminal).payment.host).toEqual({
    ...{ kind: "terminal", serial: "card-terminal", simulated: true },
  });
  const deferred = "{ floorMinor: 1000, totalMinor: 5000, currency: EUR }";
  expect(read(`{ deferred: ${deferred} }`).payment.deferred).toEqual({
    ...{ floorMinor: 1000, totalMinor: 5000, currency: "EUR" },
  });
});

test("services of all three kinds, flows, and how a service is paid", () => {
  const { payment, services } = read(
    `{ services: [{ id: a, use: points, options: { x: 1 } }, { id: b, use: ./b.mjs }, { id: c, use: remote, grant: c.cbor }],
       flows: [${FLOW}] }`,
    ", payment: { way: hold, flow: day }",
  );
  expect(payment.services).toEqual([
    { id: "a", stock: "points", options: { x: 1 } },
    { id: "b", module: "/etc/sluice/b.mjs" },
    { id: "c", grant: "/etc/sluice/c.cbor" },
  ]);
  expect(payment.flows).toMatchObject([{ name: "day", version: 1 }]);
  expect(services[0]?.payment).toEqual({ way: "hold", flow: "day" });
});

const HOST = "payment.host";
const IN_STAGE = "payment.flows.0.stages.0.inner.0.inner.0";
test.each([
  ["{ host: { kind: paypal } }", "", `${HOST}.kind`],
  [`{ host: { kind: stripe, ${MERCHANT} } }`, "", `${HOST}.apiKeyFile`],
  ["{ host: { kind: iso8583, host: a, port: 1 } }", "", `${HOST}.merchant`],
  ["{ host: { kind: simulated, port: 1 } }", "", `${HOST}.port`],
  ["{ host: { kind: terminal } }", "", `${HOST}.serial`],
  ["{ host: { kind: terminal, serial: a, port: 1 } }", "", `${HOST}.port`],
  ["{ deferred: { floorMinor: 1000 } }", "", "payment.deferred.currency"],
  ["{ deferred: { floorMinor: 0, currency: EUR } }", "", "payment.deferred.floorMinor"],
  [
    "{ deferred: { floorMinor: 10, totalMinor: 9, currency: EUR } }",
    "",
    "payment.deferred.totalMinor",
  ],
  [
    "{ host: { kind: terminal, serial: a }, deferred: { floorMinor: 10, currency: EUR } }",
    "",
    "payment.deferred",
  ],
  [`{ host: { kind: stripe, apiKeyFile: k, caFile: c, ${MERCHANT} } }`, "", `${HOST}.caFile`],
  ["{ host: { kind: iso8583, host: a, port: 70000 } }", "", `${HOST}.port`],
  ["{ settings: { historyRows: 20000 } }", "", "payment.settings.historyRows"],
  ["{ settings: { historyRow: 2 } }", "", "payment.settings.historyRow"],
  ["{ services: [{ id: a, use: points }, { id: a, use: points }] }", "", "payment.services.1.id"],
  ["{ services: [{ id: a, use: remote }] }", "", "payment.services.0.grant"],
  ["{ services: [{ id: a, use: a.mjs, options: {} }] }", "", "payment.services.0.options"],
  ["{ services: [{ id: a b, use: points }] }", "", "payment.services.0.id"],
  [
    `{ flows: [${FLOW.replace("[payment-application]", "[a, b, a]")}] }`,
    "",
    `${IN_STAGE}.apps.2.id`,
  ],
  [
    `{ flows: [${FLOW.replace("[payment-application]", "[{ id: a, must: true }]")}] }`,
    "",
    `${IN_STAGE}.apps.0.must`,
  ],
  [`{ flows: [${FLOW.replace("apps", "app")}] }`, "", `${IN_STAGE}.app`],
  [`{ flows: [${FLOW.replace("SPLIT", "SPLITS")}] }`, "", "payment.flows.0.stages.0.name"],
  [`{ flows: [${FLOW}, ${FLOW}] }`, "", "payment.flows.1.name"],
  ["", ", payment: { way: barter }", "services.0.payment.way"],
  ["", ", payment: { way: stored-value }", "services.0.payment.flow"],
  [`{ flows: [${FLOW}] }`, ", payment: { way: prepaid, flow: night }", "services.0.payment.flow"],
])("%s %s is refused at its path", (payment, service, at) => {
  const parsed = parseDeviceFile(file(payment, service));
  expect(parsed.ok ? "taken" : parsed.fault.at).toBe(at);
});
