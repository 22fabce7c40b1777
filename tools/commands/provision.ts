// `sluice provision`: keys of a device and its operator's word on them: given, renewed, taken back.

import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type Fault, fail, ok, type Result } from "../../firmware/result.ts";
import { EVERY_SERIAL } from "../../firmware/token/revocation.ts";
import type { Signer } from "../../hal/crypto.ts";
import { isUnderPassphrase } from "../../hal/linux/key-file.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { certify, LINE_BYTES_MAX, requestCertificate, takeCertificate } from "../certifying.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { readWhole } from "../given-bytes.ts";
import { replace } from "../key-files.ts";
import { askPassphrase, readOperatorSigner } from "../operator-key.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "../option-value.ts";
import {
  isProvisioned,
  provision as makeKeys,
  OPERATOR_FILE,
  type Provisioned,
  REVOCATIONS_FILE,
  readProvisioned,
  renew,
} from "../provisioning.ts";
import {
  keptRevocations,
  readRevoked,
  revocationsPath,
  revoke,
  revokedLines,
} from "../revoking.ts";

const DAYS = 365;
const DAYS_MAX = 20 * 365;
const DAY_S = 24 * 3600;

export const provision: Command = {
  name: "provision",
  summary: "make, renew and revoke the keys and certificate of a device",
  usage: [
    "--data DIR --operator FILE [--days N] [--serial N] | --data DIR --bench",
    "       sluice provision --renew --data DIR --operator FILE [--days N] [--serial N]",
    "       sluice provision --revoke DEVICE[:SERIAL]... --operator FILE [--data DIR]",
    "       sluice provision --request --data DIR    on the device, then --certificate FILE --data DIR",
    "       sluice provision --certify FILE --operator FILE [--days N]    where the operator's key is",
  ].join("\n"),
  help: [
    "Makes the keys of a device in DIR/keys and signs its certificate with the operator's key.",
    "Nothing that exists is written over: keys that are there stay, a certificate is renewed only",
    "when that is asked for.",
    "",
    "  --data DIR       data folder of the device",
    "  --operator FILE  private key of the operator, made when there is none (mode 0600);",
    "                   it serves all devices of the operator and belongs on none of them",
    "  --passphrase     put a new operator's key under a passphrase; one that is under a passphrase",
    "                   is always asked for: on the terminal, or from SLUICE_PASSPHRASE",
    "  --passphrase-file FILE  read the passphrase from the first line of FILE (mode 0600)",
    "  --bench          keys for a bench: good for a simulated payment host only; the operator's",
    "                   key may lie beside them",
    `  --days N         the certificate is good so long from now (default ${DAYS})`,
    "  --serial N       number of the certificate (default: the time in seconds, or the next one)",
    "  --renew          a later certificate for the same keys: orders and tokens live on; a running",
    "                   device takes it up at its next start",
    "  --revoke DEVICE[:SERIAL]  take back the operator's word on a device, or on its certificates up",
    "                   to a serial (repeatable). The list of all that was revoked is kept beside the",
    "                   operator's key; hand it to buyers (sluice trust --revocations FILE), and with",
    "                   --data to a device, which hands it on",
    "  --request        make the device's keys and print a request for a certificate: one line, which",
    "                   the device signed; its private keys stay where they are",
    "  --certify FILE   answer a request (- is standard input) with one line for the device; --out FILE",
    "                   writes it there",
    "  --certificate FILE  take the operator's answer on the device (- is standard input)",
    "  --json           one JSON object",
    "",
    "Examples:",
    "  sluice provision --data ./pump --operator ~/operator.pem --passphrase",
    "  sluice provision --request --data ./pump | ssh desk sluice provision --certify - --operator op.pem",
    "  sluice provision --renew --data ./pump --operator ~/operator.pem",
    "  sluice provision --revoke CwgMb0GsGAI --operator ~/operator.pem",
  ].join("\n"),
  options: {
    data: { type: "string" },
    operator: { type: "string" },
    passphrase: { type: "boolean" },
    "passphrase-file": { type: "string" },
    bench: { type: "boolean" },
    days: { type: "string" },
    serial: { type: "string" },
    renew: { type: "boolean" },
    revoke: { type: "string", multiple: true },
    request: { type: "boolean" },
    certify: { type: "string" },
    certificate: { type: "string" },
    out: { type: "string" },
  },
  positionalsMax: 0,
  run: runProvision,
};

interface Wanted {
  /** Keys folder of the device; undefined where only a list is changed. */
  folder: string | undefined;
  operatorPath: string;
  bench: boolean;
  expiresS: number;
  serial: number | undefined;
  nowS: number;
  values: OptionValues;
  out: Output;
}

async function runProvision({ values, out }: Invocation): Promise<ExitCode> {
  const step = readStep(values);
  if (!step.ok) return refuse(out, step.fault);
  if (step.value === "request" || step.value === "certificate") return onDevice(values, out);
  const wanted = readWanted(values, out);
  if (!wanted.ok) return refuse(out, wanted.fault);
  const renewing = values["renew"] === true;
  const revoking = textsOption(values, "revoke").length > 0;
  if (renewing && revoking) {
    const message = "renew and revoke are two things: call it twice";
    return refuse(out, { kind: "usage", message, at: "--revoke" });
  }
  if (revoking) return revokeDevices(wanted.value);
  if (step.value === "certify") return answerRequest(wanted.value);
  return renewing ? renewDevice(wanted.value) : makeDevice(wanted.value);
}

const STEPS = ["request", "certify", "certificate"] as const;

/** Which part of what a device and its operator do in two places; each is alone. */
function readStep(values: OptionValues): Result<(typeof STEPS)[number] | undefined> {
  const [step, ...more] = STEPS.filter((name) => values[name] !== undefined);
  const aside = step === "certify" ? [] : ["operator", "days", "serial", "out"];
  const others = [...more, "renew", "revoke", "bench", "passphrase", ...(step ? aside : ["out"])];
  const other = others.find((name) => values[name] !== undefined);
  if (step === undefined && other !== "out") return ok(undefined);
  if (other === undefined) return ok(step);
  return fail("usage", `is of no use with --${step ?? "data"}`, `--${other}`);
}

/** Where the keys are: ask, and take the answer. */
async function onDevice(values: OptionValues, out: Output): Promise<ExitCode> {
  const data = textOption(values, "data");
  if (data === undefined) {
    return refuse(out, {
      kind: "usage",
      message: "name the data folder of the device with --data DIR",
    });
  }
  const folder = join(resolve(data), "keys");
  const crypto = openNodeCrypto();
  const given = textOption(values, "certificate");
  if (given === undefined) {
    const request = requestCertificate(folder, crypto, openSystemEntropy());
    if (!request.ok) return refuse(out, request.fault);
    out.emit({ type: "key-request", request: request.value });
    out.say(request.value);
    return 0;
  }
  const line = readWhole(given, LINE_BYTES_MAX);
  const taken = line.ok ? takeCertificate(line.value, folder, crypto) : line;
  if (!taken.ok) return refuse(out, taken.fault);
  tellCertificate(taken.value, [], { folder, out });
  return 0;
}

async function answerRequest(wanted: Wanted): Promise<ExitCode> {
  const { operatorPath, serial, expiresS, nowS, values, out } = wanted;
  const line = readWhole(textOption(values, "certify") ?? "", LINE_BYTES_MAX);
  if (!line.ok) return refuse(out, line.fault);
  const operator = await readSigner(wanted);
  if (!operator.ok) return refuse(out, operator.fault);
  const issue = { operator: operator.value, operatorPath, serial: serial ?? nowS, expiresS };
  const made = certify(line.value, { ...issue, crypto: openNodeCrypto() });
  if (!made.ok) return refuse(out, made.fault);
  const { answer, device } = made.value;
  const path = textOption(values, "out");
  if (path !== undefined) replace(path, `${answer}\n`);
  out.emit({ type: "certified", device, answer, serial: issue.serial, expiresS });
  out.say(path === undefined ? answer : `certified ${device}: ${path}`);
  return 0;
}

/** What the caller can only mend by calling otherwise is exit code 2. */
function refuse(out: Output, fault: Fault): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}

function readWanted(values: OptionValues, out: Output): Result<Wanted> {
  const nowS = Math.floor(Date.now() / 1000);
  const bench = values["bench"] === true;
  const days = integerOption(values, "days", { min: 1, max: DAYS_MAX });
  if (!days.ok) return days;
  const serial = integerOption(values, "serial", { min: 1, max: EVERY_SERIAL - 1 });
  if (!serial.ok) return serial;
  const data = textOption(values, "data");
  const needsData = textsOption(values, "revoke").length === 0 && values["certify"] === undefined;
  if (data === undefined && needsData) {
    return fail("usage", "name the data folder of the device with --data DIR");
  }
  const operatorPath = readOperatorPath(values, data, bench);
  if (!operatorPath.ok) return operatorPath;
  return ok({
    folder: data === undefined ? undefined : join(resolve(data), "keys"),
    operatorPath: operatorPath.value,
    bench,
    expiresS: nowS + (days.value ?? DAYS) * DAY_S,
    serial: serial.value,
    nowS,
    values,
    out,
  });
}

async function makeDevice(wanted: Wanted): Promise<ExitCode> {
  const { folder = "", operatorPath, bench, serial, expiresS, nowS, out } = wanted;
  const passphrase = isProvisioned(folder) ? ok(undefined) : await passphraseFor(wanted);
  if (!passphrase.ok) return refuse(out, passphrase.fault);
  const made = makeKeys({
    folder,
    operatorPath,
    ...(passphrase.value !== undefined && { passphrase: passphrase.value }),
    serial: serial ?? nowS,
    expiresS,
    bench,
    crypto: openNodeCrypto(),
    entropy: openSystemEntropy(),
  });
  if (!made.ok) return refuse(out, made.fault);
  const handed = handList(wanted, made.value.operatorKey);
  if (!handed.ok) return refuse(out, handed.fault);
  for (const path of made.value.made) out.say(`made      ${path}`);
  tellCertificate(made.value, made.value.made, wanted);
  return 0;
}

/** Undefined for an operator's key without one. */
async function passphraseFor(wanted: Wanted): Promise<Result<string | undefined>> {
  const { operatorPath, values, out } = wanted;
  const file = textOption(values, "passphrase-file");
  const isNew = !existsSync(operatorPath);
  const asked = values["passphrase"] === true || (isNew && file !== undefined);
  if (isNew ? asked : isUnderPassphrase(operatorPath)) {
    return askPassphrase(operatorPath, out, file, isNew);
  }
  if (!asked) return ok(undefined);
  return fail(
    "usage",
    `${operatorPath} is there and has no passphrase: openssl pkcs8 -topk8 -scrypt -in FILE -out NEW gives it one`,
    "--passphrase",
  );
}

async function renewDevice(wanted: Wanted): Promise<ExitCode> {
  const { folder = "", serial, expiresS, out } = wanted;
  const operator = await readSigner(wanted);
  if (!operator.ok) return refuse(out, operator.fault);
  const crypto = openNodeCrypto();
  const renewed = renew({ folder, operator: operator.value, serial, expiresS, crypto });
  if (!renewed.ok) return refuse(out, renewed.fault);
  const handed = handList(wanted, operator.value.publicKey);
  if (!handed.ok) return refuse(out, handed.fault);
  tellCertificate(renewed.value, [], wanted);
  out.say("A device that is running takes it up at its next start.");
  return 0;
}

async function revokeDevices(wanted: Wanted): Promise<ExitCode> {
  const { operatorPath, folder, nowS, values, out } = wanted;
  const more = [];
  for (const given of textsOption(values, "revoke")) {
    const read = readRevoked(given);
    if (!read.ok) return refuse(out, read.fault);
    more.push(read.value);
  }
  const operator = await readSigner(wanted);
  if (!operator.ok) return refuse(out, operator.fault);
  const path = revocationsPath(operatorPath);
  const revoked = revoke(path, more, nowS, operator.value, openNodeCrypto());
  if (!revoked.ok) return refuse(out, revoked.fault);
  const handed = handList(wanted, operator.value.publicKey);
  if (!handed.ok) return refuse(out, handed.fault);
  const { list } = revoked.value;
  out.emit({ type: "revocations", path, ...list });
  out.say(`list ${list.number} of ${new Date(1000 * list.issuedS).toISOString().slice(0, 10)}`);
  for (const line of revokedLines(list)) out.say(`  ${line}`);
  out.say(`Buyers heed it by: sluice trust --revocations ${path}`);
  if (folder === undefined) {
    out.say(`Devices hand it on when it lies in their keys folder as ${REVOCATIONS_FILE}.`);
  }
  return 0;
}

function readSigner({ operatorPath, values, out }: Wanted): Promise<Result<Signer>> {
  return readOperatorSigner(operatorPath, out, textOption(values, "passphrase-file"));
}

/** Puts the operator's list into the device's folder, where it is later than the one that lies there. */
function handList({ folder, operatorPath }: Wanted, operatorKey: Uint8Array): Result<void> {
  if (folder === undefined) return ok(undefined);
  const crypto = openNodeCrypto();
  const device = readProvisioned(folder, crypto);
  if (!device.ok) return device;
  const list = keptRevocations(revocationsPath(operatorPath), operatorKey, crypto);
  if (!list.ok) return list;
  const path = join(folder, REVOCATIONS_FILE);
  const there = keptRevocations(path, operatorKey, crypto);
  if (!there.ok) return there;
  if (list.value === undefined) return ok(undefined);
  const { signed, list: ours } = list.value;
  if ((there.value?.list.number ?? 0) < ours.number) replace(path, signed);
  return ok(undefined);
}

function tellCertificate(
  provisioned: Provisioned,
  made: readonly string[],
  { folder = "", out }: Pick<Wanted, "folder" | "out">,
): void {
  const { claims, operatorKey, operatorFingerprint } = provisioned;
  const { device, serial, bench, expiresS } = claims;
  const fact = { device, serial, bench, expiresS, operatorKey, operatorFingerprint };
  out.emit({ type: "provisioned", ...fact, folder, made });
  out.say(`device    ${device}`);
  out.say(`serial    ${serial}`);
  out.say(`operator  ${operatorFingerprint}`);
  out.say(`good to   ${new Date(expiresS * 1000).toISOString().slice(0, 10)}`);
  out.say(`Buyers trust it by: sluice buy --operator ${join(folder, OPERATOR_FILE)}`);
  if (bench) out.say("These are bench keys: no real money moves with them.");
}

function readOperatorPath(
  values: OptionValues,
  data: string | undefined,
  bench: boolean,
): Result<string> {
  const operator = textOption(values, "operator");
  if (operator === undefined) {
    if (bench && data !== undefined) return ok(join(resolve(data), "keys", "operator.pem"));
    return fail(
      "usage",
      "name the operator's key with --operator FILE (made when there is none), or ask for --bench",
    );
  }
  const path = resolve(operator);
  const within = data !== undefined && !relative(resolve(data), path).startsWith("..");
  const making = values["renew"] !== true && textsOption(values, "revoke").length === 0;
  if (within && making && !bench) {
    return fail("usage", "the operator's key belongs outside of the device's folder", "--operator");
  }
  if (existsSync(path) || !operator.endsWith("/")) return ok(path);
  return fail("usage", "must name a file", "--operator");
}
