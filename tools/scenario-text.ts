// Writes what was done to a bench as a scenario, which does exactly that again: boards written out in full, each action at its
// time, and the digest of all frames and the signed receipts that it must come to.

import type { BenchSetup } from "../bench/bench.ts";
import type { DoneAction } from "../bench/bench-action.ts";
import type { ReceiptOfBoard } from "../bench/scenario-receipts.ts";
import type { DeviceConfig, ServiceToUse } from "../firmware/config.ts";
import type { Service } from "../firmware/producer/catalogue.ts";
import type { ScenarioEntry } from "./scenario-schema.ts";
import type { ServiceEntry } from "./service-schema.ts";

export interface Recording {
  setup: BenchSetup;
  done: readonly DoneAction[];
  /** When it ended, and the digest of all frames until then, where they must come out the same. */
  endMs: number;
  frames?: string;
  /** Each must come out again to the byte. */
  receipts?: readonly ReceiptOfBoard[];
}

/** One step a line. */
export function scenarioText({ setup, done, endMs, frames, receipts = [] }: Recording): string {
  const { seed, network = {} } = setup;
  const boards: ScenarioEntry["boards"] = {};
  for (const { id, board, config, pulsesPerSecond } of setup.boards) {
    const device = { version: 1, board: board.name, ...deviceOf(config) };
    boards[id] = { device, ...(pulsesPerSecond !== undefined && { pulsesPerSecond }) };
  }
  const expect = [
    ...(frames === undefined ? [] : [{ frames }]),
    ...receipts.map(({ board, signed }) => ({ event: { is: "receipt", board, signed } })),
  ];
  const lines = [
    "# Recorded on a bench: what was done to it, and when.",
    "version: 1",
    'about: "Recorded"',
    `seed: ${seed}`,
    `network: ${JSON.stringify(network)}`,
    "boards:",
    ...Object.entries(boards).map(([id, one]) => `  ${JSON.stringify(id)}: ${JSON.stringify(one)}`),
    done.length === 0 ? "steps: []" : "steps:",
    ...done.map((one) => `  - ${JSON.stringify(stepOf(one))}`),
    `end: ${JSON.stringify(`${endMs} ms`)}`,
    `expect: ${JSON.stringify(expect)}`,
    "# It may end in the middle of a sale.",
    "mayLeaveOpen: true",
  ];
  return `${lines.join("\n")}\n`;
}

function stepOf({ atMs, action }: DoneAction): Readonly<Record<string, unknown>> {
  const {
    board,
    do: verb,
    forMs,
    byMs,
    ...words
  } = action as DoneAction["action"] & {
    forMs?: number;
    byMs?: number;
  };
  return {
    ...{ at: `${atMs} ms`, board, do: verb, ...words },
    ...(forMs !== undefined && { for: `${forMs} ms` }),
    ...(byMs !== undefined && { by: `${byMs} ms` }),
  };
}

type Described = BenchSetup["boards"][number]["config"];

/** As a device file says it. */
function deviceOf({ name, description, services, policy, payment }: Described): object {
  return {
    name,
    ...(description !== undefined && { description }),
    policy,
    payment: paymentOf(payment),
    services: services.map(serviceOf),
  };
}

function serviceOf({ tokenLifeS, ...service }: Service): ServiceEntry {
  return { ...service, tokenLifeHours: tokenLifeS / 3_600 };
}

function paymentOf({ host, deferred, settings, services, flows }: DeviceConfig["payment"]): object {
  return {
    ...(host.kind === "simulated" && { host }),
    ...(host.kind === "terminal" && {
      host: { kind: host.kind, serial: host.serial, ...(host.simulated && { test: true }) },
    }),
    ...(deferred !== undefined && { deferred }),
    settings,
    services: services.map(useOf),
    ...(flows !== undefined && { flows }),
  };
}

function useOf(service: ServiceToUse): object {
  const { id } = service;
  if ("stock" in service) return { id, use: service.stock, options: service.options };
  return "module" in service
    ? { id, use: service.module }
    : { id, use: "remote", grant: service.grant };
}
