// `sluice attach`: lets a flow service that runs outside a device take part in its payments.

import { resolve } from "node:path";
import { STAGES } from "../../firmware/payment/model/stages.ts";
import { type Action, EVERYWHERE } from "../../firmware/producer/command.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { FLOW_GRANT_BYTES_MAX } from "../../firmware/token/flow-grant.ts";
import type { Command } from "../command.ts";
import { didYouMean } from "../did-you-mean.ts";
import { GRANT_FILE } from "../flow-service-folder.ts";
import { readSmall } from "../key-files.ts";
import { OPERATOR_HELP, OPERATOR_OPTIONS, type Operator, withOperator } from "../operator.ts";
import { type OptionValues, textOption } from "../option-value.ts";

export const attach: Command = {
  name: "attach",
  summary: "let a flow service take part in a running device's payments",
  usage: "GRANT [--flow NAME --stage STAGE] [--after SERVICE] [options]",
  help: `GRANT is the file that "sluice enrol" made, or its folder. The service takes part from the next payment
on, with no restart, and over restarts until it is detached. Without a place it takes part in every
stage that it implements of the flows that the device makes by itself; flows that are configured call
only whom they list. Signed by the device's operator.

  --flow NAME        the flow in which it takes part; see: sluice flows
  --stage STAGE      and the stage of it, such as PRE_TRANSACTION
  --after SERVICE    after that one (default: the last one)
${OPERATOR_HELP}

example: sluice attach ./gift.service/grant.cbor --flow sale --stage PRE_TRANSACTION`,
  options: {
    ...OPERATOR_OPTIONS,
    flow: { type: "string" },
    stage: { type: "string" },
    after: { type: "string" },
  },
  positionalsMax: 1,
  run: (invocation) =>
    withOperator(invocation, (values) => readOrder(values, invocation.positionals[0]), send),
};

type AttachAction = Extract<Action, { do: "flow-service-attach" }>;

function readOrder(values: OptionValues, path: string | undefined): Result<AttachAction> {
  if (path === undefined) return fail("usage", "name the grant: attach ./gift.service/grant.cbor");
  const grant = readGrant(path);
  if (!grant.ok) return grant;
  const { flow, stage, after } = {
    flow: textOption(values, "flow"),
    stage: textOption(values, "stage"),
    after: textOption(values, "after"),
  };
  if ((flow === undefined) !== (stage === undefined)) {
    return fail("usage", "a place is both: --flow NAME --stage STAGE", flow ? "--stage" : "--flow");
  }
  if (after !== undefined && flow === undefined) {
    return fail("usage", "is of no use without --flow and --stage", "--after");
  }
  if (stage !== undefined && !Object.hasOwn(STAGES, stage)) {
    const meant = didYouMean(stage, Object.keys(STAGES));
    return fail("usage", `${stage} is no stage${meant}`, "--stage");
  }
  const place = (stage ?? EVERYWHERE) as AttachAction["stage"];
  return ok({
    do: "flow-service-attach",
    grant: grant.value,
    flow: flow ?? "",
    stage: place,
    after: after ?? "",
  });
}

function readGrant(path: string): Result<Uint8Array> {
  for (const file of [path, resolve(path, GRANT_FILE)]) {
    try {
      const bytes = readSmall(file, FLOW_GRANT_BYTES_MAX);
      if (bytes !== undefined) return ok(bytes);
    } catch {
      // A folder: the grant is in it.
    }
  }
  return fail("not-found", `${path} is no grant: "sluice enrol" makes one`, "GRANT");
}

function notGrant(why: string): Result<never> {
  return fail("malformed", `it is no grant ("sluice enrol" makes one): ${why}`, "GRANT");
}

async function send({ out, device, do: command }: Operator, action: AttachAction) {
  const done = await command(action);
  if (!done.ok) return done.fault.kind === "malformed" ? notGrant(done.fault.message) : done;
  const { service } = done.value;
  const { flow, stage } = action;
  const place = flow === "" ? {} : { flow, stage };
  out.emit({ step: "attach", device, service, ...place });
  const where = flow === "" ? "where it implements a stage" : `in ${stage} of ${flow}`;
  out.say(`${String(service)} takes part from the next payment on, ${where}`);
  out.say("Next: sluice flows --services, and where the service runs: sluice serve MODULE");
  return ok(undefined);
}
