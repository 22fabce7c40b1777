// The selling role as a program of its own: device, metering loop, payment and a simulated outlet, on one simulated world.

import "./quickjs-globals.ts";
import { fromHex } from "../../firmware/bytes.ts";
import type { Log } from "../../firmware/log.ts";
import { runLoop } from "../../firmware/metering/loop-runner.ts";
import { openPaymentSide } from "../../firmware/payment/payment-side.ts";
import type { Service } from "../../firmware/producer/catalogue.ts";
import { openProducer } from "../../firmware/producer/producer.ts";
import { openRuntime } from "../../firmware/runtime.ts";
import type { Board } from "../../hal/board.ts";
import { openNaclCrypto } from "../../hal/drivers/nacl-crypto.ts";
import { openOutlets } from "../../hal/drivers/open-outlets.ts";
import { openSimBoard } from "../../hal/sim/open-board.ts";
import { simLoopHost } from "../../hal/sim/sim-loop-host.ts";
import { simPaymentHost } from "../../hal/sim/sim-payment-host.ts";
import { simStore } from "../../hal/sim/sim-store.ts";
import type { HostCalls, PortableProgram, PortableSettings } from "./host-calls.ts";
import { type PortableWorld, portableWorld, words } from "./portable-world.ts";

/** One socket with a meter of 100 pulses for a kWh. */
const BOARD: Board = {
  name: "portable-socket",
  title: "One socket",
  outlets: [
    {
      id: "socket-1",
      switch: { kind: "contactor", line: "coil", feedbackLine: "contact", operateMsMax: 150 },
      meters: [
        {
          ...{ kind: "pulse", id: "energy", line: "pulse", unit: "kWh", stuckAfterMs: 30_000 },
          ...{ pulsesPerUnit: { numerator: 100, denominator: 1 }, pulsesPerSecondMax: 50 },
          retains: true,
        },
      ],
      settleMs: 300,
    },
  ],
  virtual: { pulsesPerSecond: 20, operateMs: [10, 30] },
};

const ENERGY: Service = {
  ...{ id: 1, name: "Energy", outlet: "socket-1", meter: "energy" },
  prices: [{ id: 1, name: "Day rate", amountMinor: 45, currency: "EUR" }],
  ...{ unitsMax: 100, undelivered: "refund", tokenLifeS: 7 * 24 * 3600 },
};
const STREAMED: Service = {
  ...{ ...ENERGY, id: 2, name: "Energy by the unit" },
  ...{ payment: { way: "hold" }, stream: { windowUnitsMax: 4 } },
};

export function openProducerProgram(host: HostCalls, settings: string): PortableProgram {
  const given = JSON.parse(settings) as PortableSettings;
  const own = portableWorld(host, given.seed);
  const failed = (error: unknown): void => own.tell({ is: "failed", message: words(error) });
  return { start: () => void sell(own, given, failed).catch(failed), ...own.program };
}

async function sell(
  { world, link }: PortableWorld,
  given: PortableSettings,
  failed: (error: unknown) => void,
): Promise<void> {
  const { clock } = world;
  const crypto = openNaclCrypto();
  const entropy = world.entropy("device");
  const log: Log = () => undefined;
  const loop = simLoopHost(world, { delayMs: 0.2 });
  const { pins, metal, sensors } = openSimBoard(world, BOARD, { pulsesPerSecond: 20 });
  const { register: readRegister } = metal;
  runLoop(
    openOutlets(BOARD, clock, pins.lines, { readRegister, openSensor: sensors.open }),
    loop.loop(),
  );
  const store = simStore().store();
  const secretKey = bytes(given.hostSecret);
  const host = simPaymentHost({ store: simStore().store(), clock, crypto, secretKey });
  const { payments } = await openPaymentSide({ host, store, clock, entropy, log }, {});
  const runtime = openRuntime(clock, log, failed);
  const producer = openProducer(
    { ...{ clock, store, link, crypto, entropy, payments, log }, loop: loop.device, ...runtime },
    {
      ...BOARD,
      policy: { quantumPulses: 100, loss: "seller" },
      keys: {
        signSeed: bytes(given.signSeed),
        boxSecret: bytes(given.boxSecret),
        certificate: bytes(given.certificate),
        operatorKey: bytes(given.operatorKey),
      },
      ...{ simulatedHost: true, resetCatalogue: false },
    },
  );
  producer.setup("Portable socket");
  for (const service of [ENERGY, STREAMED]) {
    const added = await producer.addService(service);
    if (!added.ok) throw new Error(added.fault.message);
  }
  const started = await producer.init();
  if (!started.ok) throw new Error(started.fault.message);
  producer.startBroadcast();
}

function bytes(hex: string): Uint8Array {
  const read = fromHex(hex);
  if (read === undefined) throw new Error(`${hex} is not hexadecimal`);
  return read;
}
