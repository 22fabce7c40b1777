// Reads a scenario: YAML held against its schema, then against the boards that it names. As safe to read as a device file.

import { dirname, resolve } from "node:path";
import type { BenchBoardSetup } from "../bench/bench.ts";
import type { Scenario, Step } from "../bench/scenario.ts";
import { drawTraffic, type Traffic } from "../bench/scenario-traffic.ts";
import { BOARDS } from "../boards/registry.ts";
import type { DeviceConfig } from "../firmware/config.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { parseDeviceFile, parseYaml, readDeviceFile, readText } from "./device-file.ts";
import { schemaCheck } from "./device-schema.ts";
import { toExpectations } from "./scenario-expect.ts";
import { namesOf, type ScenarioNames, toBoard } from "./scenario-names.ts";
import { SCENARIO_SCHEMA, type ScenarioEntry, type TrafficEntry } from "./scenario-schema.ts";
import { durationMs, toStep } from "./scenario-steps.ts";

/** A recording holds every frame of somebody outside. */
export const SCENARIO_BYTES_MAX = 1024 * 1024;
const LASTS_MS_MAX = 366 * 86_400_000;

const check = schemaCheck<ScenarioEntry>(SCENARIO_SCHEMA);

export interface ScenarioReading {
  /** In place of the seed that is written in it. */
  seed?: number;
  /** Where files that it names start from; without one it may name none, as one from a web page must not. */
  folder?: string;
}

/** Errors name the file and the path in it: `not-found`, `too-large`, `malformed`, `out-of-range`, those of device files. */
export function readScenarioFile(path: string, seed?: number): Result<Scenario> {
  const text = readText(path, SCENARIO_BYTES_MAX);
  const folder = dirname(resolve(path));
  const scenario = text.ok
    ? readScenario(text.value, { folder, ...(seed !== undefined && { seed }) })
    : text;
  if (scenario.ok) return scenario;
  const { kind, message, at } = scenario.fault;
  return fail(kind, `scenario ${path}: ${message}`, at);
}

/** The text of one. Errors as above, without the file's name. */
export function readScenario(text: string, reading: ScenarioReading = {}): Result<Scenario> {
  if (text.length > SCENARIO_BYTES_MAX) {
    return fail("too-large", `is larger than ${SCENARIO_BYTES_MAX} bytes`);
  }
  const yaml = parseYaml(text);
  const entry = yaml.ok ? check(yaml.value) : yaml;
  return entry.ok ? toScenario(entry.value, reading) : entry;
}

function toScenario(entry: ScenarioEntry, { seed = entry.seed, folder }: ScenarioReading) {
  const { about, network, mayLeaveOpen } = entry;
  const endMs = durationMs(entry.end);
  if (endMs < 1 || endMs > LASTS_MS_MAX) {
    return fail("out-of-range", "a world lasts from 1 ms to 366 d", "end");
  }
  const boards: BenchBoardSetup[] = [];
  for (const [id, one] of Object.entries(entry.boards)) {
    const board = toBoardSetup(id, one, folder);
    if (!board.ok) return board;
    boards.push(board.value);
  }
  const names = namesOf(boards, Object.keys(entry.buyers));
  const steps = toSteps(entry, names);
  if (!steps.ok) return steps;
  const expect = toExpectations(entry.expect, "expect", names);
  if (!expect.ok) return expect;
  const buyers = Object.entries(entry.buyers).map(([name, { card }]) => ({ name, card }));
  const scenario: Scenario = {
    ...{ about, endMs, expect: expect.value, mayLeaveOpen, buyers, steps: steps.value },
    setup: { seed, boards, ...(Object.keys(network).length > 0 && { network }) },
  };
  return withTraffic(scenario, entry.traffic, names);
}

function toBoardSetup(
  id: string,
  { device, pulsesPerSecond }: ScenarioEntry["boards"][string],
  folder: string | undefined,
): Result<BenchBoardSetup> {
  const at = `boards.${id}.device`;
  const config = toConfig(device, folder, at);
  if (!config.ok) return config;
  const board = BOARDS.find(({ name }) => name === config.value.board);
  if (board?.virtual === undefined) {
    const virtual = BOARDS.filter((one) => one.virtual !== undefined).map(({ name }) => name);
    return fail("malformed", `its board exists; one that does not is ${virtual.join(", ")}`, at);
  }
  const { kind } = config.value.payment.host;
  if (kind === "stripe" || kind === "iso8583") {
    return fail("malformed", `its payment host is ${kind}; on a bench it is simulated`, at);
  }
  const { name, description, services, policy, payment } = config.value;
  const described = { name, services, policy, payment, ...(description && { description }) };
  return ok({
    ...{ id, board, config: described },
    ...(pulsesPerSecond !== undefined && { pulsesPerSecond }),
  });
}

function toConfig(device: unknown, folder: string | undefined, at: string): Result<DeviceConfig> {
  if (typeof device === "string") {
    if (folder !== undefined) return within(readDeviceFile(resolve(folder, device)), at);
    return fail("malformed", "names a file, and this scenario is none: write the device out", at);
  }
  if (typeof device !== "object" || device === null) {
    return fail("malformed", "is a file's name, or what stands in a device file", at);
  }
  const config = within(parseDeviceFile(JSON.stringify(device), folder), at);
  if (!config.ok || folder !== undefined) return config;
  const { services } = config.value.payment;
  const named = services.findIndex((one) => !("stock" in one));
  if (named < 0) return config;
  const where = `${at}.payment.services.${named}`;
  return fail("malformed", "is a file, and this scenario is none: stock services only", where);
}

function within<T>(result: Result<T>, at: string): Result<T> {
  if (result.ok) return result;
  const { kind, message, at: inner } = result.fault;
  return fail(kind, message, inner === undefined ? at : `${at}.${inner}`);
}

function toSteps(entry: ScenarioEntry, names: ScenarioNames): Result<readonly Step[]> {
  const steps: Step[] = [];
  let lastMs = 0;
  for (const [index, one] of entry.steps.entries()) {
    const at = `steps.${index}`;
    const step = toStep(one, at, names);
    if (!step.ok) return step;
    const { when } = step.value;
    if (when.is === "at") {
      if (when.atMs < lastMs) {
        return fail("out-of-range", "is before the step before it", `${at}.at`);
      }
      if (when.atMs > durationMs(entry.end)) {
        return fail("out-of-range", `is after the end, ${entry.end}`, `${at}.at`);
      }
      lastMs = when.atMs;
    } else if (entry.traffic.length > 0) {
      return fail("malformed", "beside traffic every step says at", at);
    }
    steps.push(step.value);
  }
  return ok(steps);
}

function withTraffic(
  scenario: Scenario,
  entries: readonly TrafficEntry[],
  names: ScenarioNames,
): Result<Scenario> {
  let { buyers, steps } = scenario;
  for (const [index, entry] of entries.entries()) {
    const traffic = toTraffic(entry, `traffic.${index}`, scenario, names);
    if (!traffic.ok) return traffic;
    const drawn = drawTraffic(traffic.value, index, scenario.setup.seed);
    if (drawn === undefined) {
      const message = "are more than the sales have room for, a minute apart";
      return fail("out-of-range", message, `traffic.${index}.faults`);
    }
    const twice = drawn.buyers.find(({ name }) => names.buyers.includes(name));
    if (twice !== undefined) {
      return fail("malformed", "is what a customer of traffic is called", `buyers.${twice.name}`);
    }
    buyers = [...buyers, ...drawn.buyers];
    steps = [...steps, ...drawn.steps];
  }
  if (entries.length === 0) return ok(scenario);
  const atMs = ({ when }: Step): number => (when.is === "at" ? when.atMs : 0);
  return ok({ ...scenario, buyers, steps: steps.toSorted((a, b) => atMs(a) - atMs(b)) });
}

function toTraffic(
  entry: TrafficEntry,
  at: string,
  { setup, endMs }: Scenario,
  names: ScenarioNames,
): Result<Traffic> {
  const board = toBoard(entry.board, `${at}.board`, names);
  if (!board.ok) return board;
  const { sales, customers, units, cards, faults } = entry;
  const fromMs = durationMs(entry.from);
  const overMs = Math.floor(durationMs(entry.over));
  if (fromMs + overMs > endMs) return fail("out-of-range", "goes on after the end", `${at}.over`);
  if (overMs < 1 || overMs > 0xffff_ffff) {
    return fail("out-of-range", "is from 1 ms to 49 d", `${at}.over`);
  }
  if (units.least > units.most)
    return fail("out-of-range", "is more than most", `${at}.units.least`);
  const services = setup.boards.find(({ id }) => id === board.value)?.config.services ?? [];
  const choices: { service: number; price: number }[] = [];
  for (const [index, id] of entry.services.entries()) {
    const price = services.find((one) => one.id === id)?.prices[0];
    if (price === undefined) {
      return fail("not-found", `${board.value} has no service ${id}`, `${at}.services.${index}`);
    }
    choices.push({ service: id, price: price.id });
  }
  const many = { board: board.value, sales, fromMs, overMs, customers, choices, units, cards };
  return ok({ ...many, ...faults });
}
