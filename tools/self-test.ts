// What a release is asked on the board before a device is changed to it, as the user that it will run as: can it be this
// device here? Drives no output, asks no meter, writes nothing, and takes nothing from a device that sells there meanwhile.
//   node build/tools/self-test.js DEVICE_FILE DATA_FOLDER

import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BOARDS } from "../boards/registry.ts";
import { assert } from "../firmware/assert.ts";
import type { DeviceConfig } from "../firmware/config.ts";
import { fitBoard } from "../hal/fit-board.ts";
import { HalError } from "../hal/hal-error.ts";
import { reportLines } from "../hal/linux/gpio-lines.ts";
import { readKeyFile } from "../hal/linux/key-file.ts";
import { loadNative } from "../hal/linux/native.ts";
import { openNodeCrypto } from "../hal/linux/node-crypto.ts";
import { lookAtStore } from "../hal/linux/sqlite-look.ts";
import type { Finding } from "./board-finding.ts";
import { checkLines } from "./board-lines.ts";
import { checkMachine } from "./board-machine.ts";
import { portsInUse } from "./board-wiring.ts";
import { readDeviceFile } from "./device-file.ts";
import { loadFlowService } from "./flow-service-module.ts";
import { isProvisioned, readProvisioned } from "./provisioning.ts";

type Troubles = string[];

function checkBoardHere(config: DeviceConfig, troubles: Troubles): void {
  const known = BOARDS.find(({ name }) => name === config.board);
  assert(known !== undefined, "the schema knows the boards");
  loadNative();
  if (known.virtual !== undefined) return;
  const board = fitBoard(known, { serial: config.serial, lines: config.lines });
  const tell = ({ about, name, state, message }: Finding): void => {
    if (state === "missing") troubles.push(`${about} ${name}: ${message}`);
  };
  checkLines(board, checkMachine(board, "", tell), reportLines, tell);
  const used = portsInUse(board);
  for (const [name, { path }] of Object.entries(board.serial ?? {})) {
    if (used.has(name)) mayUse(`serial port ${name}`, path, troubles);
  }
}

function mayUse(what: string, path: string, troubles: Troubles): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const why = code === "ENOENT" ? "is not there" : `cannot be used by this user (${code})`;
    troubles.push(`${what}: ${path} ${why}`);
  }
}

async function checkPayment({ payment, broker }: DeviceConfig, troubles: Troubles): Promise<void> {
  const files: (string | undefined)[] = [];
  if ("url" in broker) files.push(broker.tls?.ca, broker.tls?.cert, broker.tls?.key);
  if (payment.host.kind === "stripe") files.push(payment.host.apiKeyFile);
  for (const one of payment.services) {
    if ("grant" in one) files.push(one.grant);
    if (!("module" in one)) continue;
    const service = await loadFlowService(one.module);
    if (!service.ok) troubles.push(`flow service ${one.id}: ${service.fault.message}`);
  }
  for (const path of files) {
    if (path === undefined) continue;
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      troubles.push(`${path} cannot be read (${(error as { code?: unknown }).code})`);
    }
  }
}

/** A device that was never started has neither yet: it makes both. */
function checkBooks(config: DeviceConfig, data: string, troubles: Troubles): void {
  const keys = join(data, config.keys);
  if (isProvisioned(keys)) {
    const provisioned = readProvisioned(keys, openNodeCrypto());
    if (!provisioned.ok) troubles.push(provisioned.fault.message);
    for (const name of ["device-sign.pem", "device-box.pem"]) readKeyFile(join(keys, name));
  }
  for (const name of existsSync(data) ? readdirSync(data).sort() : []) {
    if (!name.endsWith(".db")) continue;
    const path = join(data, name);
    mayUse("books", path, troubles);
    // Not opened as a device would, which brings them up to its own schema: the release that sells there has yet to read them.
    lookAtStore(path);
  }
}

/** Files of another user too: keys or books that root made or brought back. Throws what is a bug. */
function troubleOf(error: unknown): string {
  if (error instanceof HalError) return error.message;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) throw error;
  return `${path} cannot be used by this user (${code}): give it to the user that the device runs as`;
}

async function troublesOf(path: string, data: string): Promise<Troubles> {
  const read = readDeviceFile(path);
  if (!read.ok) {
    const { message, at } = read.fault;
    return [at === undefined ? message : `${message} (${at})`];
  }
  const troubles: Troubles = [];
  try {
    checkBoardHere(read.value, troubles);
    await checkPayment(read.value, troubles);
    checkBooks(read.value, data, troubles);
  } catch (error) {
    troubles.push(troubleOf(error));
  }
  return troubles;
}

async function main(path: string | undefined, data: string | undefined): Promise<number> {
  if (path === undefined || data === undefined) {
    process.stderr.write("self-test: of which device? give its file and its data folder\n");
    return 2;
  }
  const troubles = await troublesOf(path, data);
  for (const trouble of troubles) process.stderr.write(`self-test: ${trouble}\n`);
  return troubles.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2], process.argv[3]);
