// What a bench measures: a device with keys of its own on the board without inertia, and a broker beside it,
// each a process as they are in the field. All of their files are in one folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { provision } from "../provisioning.ts";
import { type Child, startChild } from "./child.ts";

const SLUICE = fileURLToPath(new URL("../sluice.js", import.meta.url));
const LIFE_S = 24 * 3600;

/** One service at one price: ten items are ten pulses, reserved in one go. */
const DEVICE_FILE = `version: 1
name: Bench
board: virtual-instant
policy: { quantumPulses: 100, loss: seller }
broker: { host: 127.0.0.1, port: 0 }
services:
  - id: 1
    name: Items
    outlet: slot
    meter: items
    unitsMax: 100
    tokenLifeHours: 24
    undelivered: refund
    prices: [{ id: 1, name: each, amountMinor: 45, currency: EUR }]
`;

export interface Site {
  folder: string;
  deviceFile: string;
  operatorKey: Uint8Array;
}

export interface RunningDevice extends Child {
  loopPid: number;
  brokerUrl: string;
  /** From just before the device was spawned until its outputs were safe. */
  safeMs: number;
}

export function makeSite(folder: string): Site {
  const deviceFile = join(folder, "bench.yaml");
  writeFileSync(deviceFile, DEVICE_FILE);
  return { folder, deviceFile, operatorKey: provisionData(join(folder, "device")) };
}

/** Keys in a data folder that has nothing else; gives the operator's public key. */
export function provisionData(data: string): Uint8Array {
  const keys = join(data, "keys");
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const made = provision({
    folder: keys,
    operatorPath: join(keys, "operator.pem"),
    serial: 1,
    expiresS: Math.floor(Date.now() / 1000) + LIFE_S,
    bench: true,
    crypto: openNodeCrypto(),
    entropy: openSystemEntropy(),
  });
  if (!made.ok) throw new Error(`keys for the bench: ${made.fault.message}`);
  return made.value.operatorKey;
}

export async function startBroker(): Promise<Child & { url: string }> {
  const child = await startChild(SLUICE, ["broker", "--json", "--port", "0"]);
  return { ...child, url: String(child.ready["url"]) };
}

/** `sluice run` on a data folder; with a broker of its own unless one is named. */
export async function startDevice(
  site: Site,
  data: string,
  brokerUrl?: string,
): Promise<RunningDevice> {
  const broker = brokerUrl === undefined ? [] : ["--broker", brokerUrl];
  const child = await startChild(
    SLUICE,
    ["run", "--json", "--quiet", "--device", site.deviceFile, "--data", data, ...broker],
    // The file that tells this user's commands where a device is stays as it was.
    { XDG_RUNTIME_DIR: site.folder },
  );
  const fact = (name: string): number => Number(child.ready[name]);
  // The device counts from the start of its own clock; both of its marks are moved to our count.
  const safeMs = child.readyMs - (fact("readyMs") - fact("safeMs"));
  return { ...child, loopPid: fact("loopPid"), brokerUrl: String(child.ready["broker"]), safeMs };
}
