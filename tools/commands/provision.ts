// `sluice provision`: keys of a device and its operator's word on them.

import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fail, type Result } from "../../firmware/result.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { provision as makeKeys, OPERATOR_FILE } from "../provisioning.ts";

const DAYS = 365;
const DAYS_MAX = 20 * 365;
const SERIAL_MAX = 0xffff_ffff;

export const provision: Command = {
  name: "provision",
  summary: "make an operator key and a device's keys and certificate",
  usage: "--data DIR --operator FILE [--days N] [--serial N] | --data DIR --bench",
  help: [
    "Makes the keys of a device in DIR/keys and signs its certificate with the operator's key.",
    "Nothing that exists is written over: keys that are there stay, a certificate must be moved away.",
    "",
    "  --data DIR       data folder of the device",
    "  --operator FILE  private key of the operator, made when there is none (mode 0600);",
    "                   it serves all devices of the operator and belongs on none of them",
    "  --bench          keys for a bench: good for a simulated payment host only; the operator's",
    "                   key may lie beside them",
    `  --days N         the certificate is good so long (default ${DAYS})`,
    "  --serial N       number of the certificate (default: the time in seconds)",
    "  --json           one JSON object",
    "",
    "Example:",
    "  sluice provision --data ./pump --operator ~/operator.pem",
  ].join("\n"),
  options: {
    data: { type: "string" },
    operator: { type: "string" },
    bench: { type: "boolean" },
    days: { type: "string" },
    serial: { type: "string" },
  },
  positionalsMax: 0,
  run: runProvision,
};

async function runProvision({ values, out }: Invocation): Promise<ExitCode> {
  const nowS = Math.floor(Date.now() / 1000);
  const bench = values["bench"] === true;
  const days = readNumber(values["days"], "--days", DAYS, DAYS_MAX);
  const serial = readNumber(values["serial"], "--serial", nowS, SERIAL_MAX);
  const data = values["data"];
  const operatorPath = typeof data === "string" ? readOperator(values, data, bench) : NO_DATA;
  for (const read of [days, serial, operatorPath]) {
    if (read.ok) continue;
    out.fault(read.fault);
    return 2;
  }
  if (!days.ok || !serial.ok || !operatorPath.ok || typeof data !== "string") return 2;
  const folder = join(resolve(data), "keys");
  const made = makeKeys({
    folder,
    operatorPath: operatorPath.value,
    serial: serial.value,
    expiresS: nowS + days.value * 24 * 3600,
    bench,
    crypto: openNodeCrypto(),
    entropy: openSystemEntropy(),
  });
  if (!made.ok) {
    out.fault(made.fault);
    return 1;
  }
  const { claims, operatorKey, operatorFingerprint } = made.value;
  const { device, expiresS } = claims;
  const fact = { device, serial: claims.serial, bench, expiresS, operatorKey, operatorFingerprint };
  out.emit({ type: "provisioned", ...fact, folder, made: made.value.made });
  for (const path of made.value.made) out.say(`made      ${path}`);
  out.say(`device    ${device}`);
  out.say(`operator  ${operatorFingerprint}`);
  out.say(`good to   ${new Date(expiresS * 1000).toISOString().slice(0, 10)}`);
  out.say(`Buyers trust it by: sluice buy --operator ${join(folder, OPERATOR_FILE)}`);
  if (bench) out.say("These are bench keys: no real money moves with them.");
  return 0;
}

const NO_DATA = fail("usage", "name the data folder of the device with --data DIR");

function readNumber(
  value: Invocation["values"][string],
  name: string,
  otherwise: number,
  max: number,
): Result<number> {
  if (value === undefined) return { ok: true, value: otherwise };
  const number = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= max) return { ok: true, value: number };
  return fail("usage", `must be a number from 1 to ${max}`, name);
}

function readOperator(values: Invocation["values"], data: string, bench: boolean): Result<string> {
  const { operator } = values;
  const beside = join(resolve(data), "keys", "operator.pem");
  if (typeof operator !== "string") {
    if (bench) return { ok: true, value: beside };
    return fail(
      "usage",
      "name the operator's key with --operator FILE (made when there is none), or ask for --bench",
    );
  }
  const path = resolve(operator);
  if (!bench && !relative(resolve(data), path).startsWith("..")) {
    return fail("usage", "the operator's key belongs outside of the device's folder", "--operator");
  }
  if (existsSync(path) || !operator.endsWith("/")) return { ok: true, value: path };
  return fail("usage", "must name a file", "--operator");
}
