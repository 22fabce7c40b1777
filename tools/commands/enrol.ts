// `sluice enrol`: the operator's word on a flow service that runs outside the device: makes its key and signs its
// grant.

import { join, relative } from "node:path";
import type { FlowService } from "../../firmware/payment/engine/service.ts";
import type { ServiceInfo } from "../../firmware/payment/model/service-info.ts";
import { STAGES, type Stage } from "../../firmware/payment/model/stages.ts";
import { checkInfo } from "../../firmware/payment/registry/service-check.ts";
import { PAYMENT_STAGES, stagesOf } from "../../firmware/payment/remote/granted-stages.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { deviceThumbprint } from "../../firmware/token/certificate.ts";
import type { FlowGrant } from "../../firmware/token/flow-grant.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { refuse } from "../consumer.ts";
import { didYouMean } from "../did-you-mean.ts";
import {
  type Enrolled,
  enrol as enrolIn,
  GRANT_FILE,
  serviceFolder,
} from "../flow-service-folder.ts";
import { loadFlowService } from "../flow-service-module.ts";
import { keyPath } from "../operator.ts";
import { readOperatorSigner } from "../operator-key.ts";
import { integerOption, type OptionValues, textOption } from "../option-value.ts";

const DAYS = 365;
const DAYS_MAX = 20 * 365;
const DAY_S = 24 * 3600;

export const enrol: Command = {
  name: "enrol",
  summary: "make the key and the grant of a flow service that runs outside a device",
  usage: "MODULE [--operator-key FILE] [--device ID|any] [--stages A,B] [--card] [--out FOLDER]",
  help: `Loads the service that MODULE (a .js or .mjs file, or an installed package) exports, makes a key for
it, and signs a grant with the operator's key: its id, its key, the stages that it implements, and
whether it may pay and adjust amounts, as its info says. Run again, it makes a later grant for the
same key.

  --operator-key FILE  private key of the devices' operator (default: the one among the keys of the
                     device that runs here, as a bench has it)
  --passphrase-file FILE  the key's passphrase; else it is asked for
  --device ID        the one device that may call it; "any" is every device of the operator (default)
  --stages A,B       only these stages
  --pay              it may pay amounts, also if its info does not say so now
  --adjust           it may adjust amounts, also if its info does not say so now
  --card             it is sent card data: masked number, network, expiry and card token
  --days N           the grant is good so long from now (default ${DAYS})
  --out FOLDER       where key and grant go (default: ./ID.service)
  --json             one JSON object

Example:
  sluice enrol ./gift.mjs --operator-key ~/operator.pem
  sluice attach ./gift.service/grant.cbor
  sluice serve ./gift.mjs --broker mqtt://127.0.0.1:1883`,
  options: {
    "operator-key": { type: "string" },
    "passphrase-file": { type: "string" },
    device: { type: "string" },
    stages: { type: "string" },
    pay: { type: "boolean" },
    adjust: { type: "boolean" },
    card: { type: "boolean" },
    days: { type: "string" },
    out: { type: "string" },
  },
  positionalsMax: 1,
  run: runEnrol,
};

async function runEnrol({ values, positionals, out }: Invocation): Promise<ExitCode> {
  const [module] = positionals;
  const days = integerOption(values, "days", { min: 1, max: DAYS_MAX });
  if (!days.ok) return refuse(out, days.fault);
  const device = readDevice(textOption(values, "device"));
  if (!device.ok) return refuse(out, device.fault);
  const key = keyPath(values);
  if (!key.ok) return refuse(out, key.fault);
  const service = await loadFlowService(module);
  if (!service.ok) return refuse(out, service.fault);
  const info = await readInfo(service.value);
  if (!info.ok) return refuse(out, info.fault);
  const stages = readStages(textOption(values, "stages"), info.value.stages);
  if (!stages.ok) return refuse(out, stages.fault);
  const signer = await readOperatorSigner(key.value, out, textOption(values, "passphrase-file"));
  if (!signer.ok) return refuse(out, signer.fault);
  const nowS = Math.floor(Date.now() / 1000);
  const wanted = {
    ...rightsOf(info.value, stages.value, values),
    expiresS: nowS + (days.value ?? DAYS) * DAY_S,
    ...(device.value !== undefined && { device: device.value }),
  };
  const folder = serviceFolder(textOption(values, "out"), info.value.id);
  const enrolled = enrolIn(folder, wanted, nowS, signer.value, openNodeCrypto());
  if (!enrolled.ok) return refuse(out, enrolled.fault);
  tell(enrolled.value, folder, module ?? "", out);
  return 0;
}

/** What the engine would say of it, before anybody has attached it. */
async function readInfo(service: FlowService): Promise<Result<ServiceInfo>> {
  let reported: unknown;
  try {
    reported = await service.info();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail("environment", `${service.id} does not tell its info: ${why}`);
  }
  const checked = checkInfo(service, reported);
  if (checked.ok) return ok(checked.info);
  return fail(
    "malformed",
    `a device would refuse ${service.id} (${checked.error}): ${checked.message}`,
  );
}

function rightsOf(
  info: ServiceInfo,
  stages: readonly Stage[],
  values: OptionValues,
): Omit<FlowGrant, "boxKey" | "name" | "serial" | "expiresS"> {
  const pay = info.canPayAmounts || values["pay"] === true;
  return {
    id: info.id,
    role: stages.some((stage) => PAYMENT_STAGES.has(stage)) ? "payment" : "value-added",
    stages: stages.map((stage) => STAGES[stage]),
    adjust: info.canAdjustAmounts || values["adjust"] === true,
    pay,
    methods: pay ? [...info.paymentMethods] : [],
    card: values["card"] === true,
  };
}

function readDevice(given: string | undefined): Result<string | undefined> {
  if (given === undefined || given === "any") return ok(undefined);
  if (deviceThumbprint(given) !== undefined) return ok(given);
  return fail(
    "usage",
    `${JSON.stringify(given)} is no device id: 11 characters, or any`,
    "--device",
  );
}

function readStages(
  given: string | undefined,
  implemented: readonly Stage[],
): Result<readonly Stage[]> {
  if (given === undefined) return ok(implemented);
  const wanted = given.split(",").map((name) => name.trim());
  const strange = wanted.find((name) => !(implemented as readonly string[]).includes(name));
  if (strange === undefined) return ok(implemented.filter((stage) => wanted.includes(stage)));
  const meant = didYouMean(strange, implemented);
  return fail(
    "usage",
    `the service does not implement ${strange}${meant} (it implements ${implemented.join(", ")})`,
    "--stages",
  );
}

function tell({ grant }: Enrolled, folder: string, module: string, out: Output): void {
  const { id, name, role, stages, adjust, pay, methods, card, device, serial, expiresS } = grant;
  const names = stagesOf(stages);
  const until = new Date(1000 * expiresS).toISOString();
  const path = join(folder, GRANT_FILE);
  out.emit({
    type: "enrolled",
    ...{ id, name, role, stages: names, adjust, pay, methods, card, device, serial },
    expires: until,
    folder,
    grant: path,
  });
  const rights = [
    pay ? `pays (${methods.join(", ") || "by any method"})` : "pays nothing",
    adjust ? "adjusts amounts" : "adjusts nothing",
    card ? "is sent card data" : "is sent no card data",
  ];
  const shown = relative(process.cwd(), path);
  out.say(`enrolled  ${id}, ${role}, as ${name}`);
  out.say(`stages    ${names.join(", ")}`);
  out.say(`rights    ${rights.join("; ")}`);
  out.say(`device    ${device ?? "every one of this operator"}`);
  out.say(`good to   ${until.slice(0, 10)}, serial ${serial}`);
  out.say(`grant     ${shown} (the key beside it stays with the service)`);
  out.say(`Next: sluice attach ${shown}, and where the service runs: sluice serve ${module}`);
}
