// `sluice trust`: whom this identity trusts: operators that it pinned, and what they have revoked.

import { toHex } from "../../firmware/bytes.ts";
import { fingerprint, Trust } from "../../firmware/consumer/trust.ts";
import { COMMAND_BYTES_MAX } from "../../firmware/protocol/messages.ts";
import { type Fault, fail, ok, type Result } from "../../firmware/result.ts";
import type { Crypto } from "../../hal/crypto.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemClock } from "../../hal/linux/system-clock.ts";
import type { Command, ExitCode, Invocation, Output } from "../command.ts";
import { identityFolder, openIdentity } from "../identity.ts";
import { readSmall } from "../key-files.ts";
import { readOperatorKeys } from "../operator-key.ts";
import { textOption, textsOption } from "../option-value.ts";
import { revokedLines } from "../revoking.ts";

export const trust: Command = {
  name: "trust",
  summary: "the operators you trust, and what they have revoked",
  usage: "[--revocations FILE] [--operator HEX|FILE] [--forget ID]",
  help: [
    "Shows the devices that were pinned at first use, their operators, and the operators' lists of",
    "revoked devices. Needs no network.",
    "",
    "  --revocations FILE   take up an operator's list: nothing more is bought of what stands in it.",
    "                       A later list takes the place of an earlier one, never the other way",
    "  --operator HEX|FILE  the operator of that list, where it was not pinned yet (repeatable)",
    "  --forget ID          let go of a pinned device, such as a bench that was set up anew: it is a",
    "                       stranger again",
    "  --identity DIR       your key, pins, orders and receipts (default: ~/.local/state/sluice/consumer)",
    "  --json               one JSON object a line",
    "",
    "Example:",
    "  sluice trust --revocations operator.revocations.cbor",
  ].join("\n"),
  options: {
    revocations: { type: "string" },
    operator: { type: "string", multiple: true },
    forget: { type: "string" },
    identity: { type: "string" },
  },
  positionalsMax: 0,
  run: runTrust,
};

async function runTrust({ values, out }: Invocation): Promise<ExitCode> {
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return refuse(out, operators.fault);
  const path = textOption(values, "revocations");
  const given = path === undefined ? ok(undefined) : readList(path);
  if (!given.ok) return refuse(out, given.fault);
  const identity = await openIdentity(identityFolder(textOption(values, "identity"), process.env));
  try {
    const { store } = identity;
    const crypto = openNodeCrypto();
    const trusted = await Trust.open({ store, crypto, clock: openSystemClock() }, operators.value);
    if (given.value !== undefined) {
      const kept = await trusted.learn(given.value);
      if (!kept.ok) {
        const { kind, at, message } = kept.fault;
        return refuse(out, { kind, message: `${path}: ${message}`, ...(at && { at }) });
      }
    }
    const forget = textOption(values, "forget");
    if (forget !== undefined && !(await trusted.forget(forget))) {
      const message = `no device ${forget} is pinned: see sluice trust`;
      return refuse(out, { kind: "not-found", message, at: "--forget" });
    }
    tell(trusted, crypto, out);
    return 0;
  } finally {
    await identity.store.close();
  }
}

function refuse(out: Output, fault: Fault): ExitCode {
  out.fault(fault);
  return fault.kind === "usage" ? 2 : 1;
}

function readList(path: string): Result<Uint8Array> {
  const signed = readSmall(path, COMMAND_BYTES_MAX);
  if (signed !== undefined) return ok(signed);
  return fail("not-found", `${path} does not exist`, "--revocations");
}

function tell(trusted: Trust, crypto: Crypto, out: Output): void {
  const pins = trusted.pins();
  const lists = trusted.lists();
  out.say(pins.length === 0 ? "no device is pinned" : "pinned at first use:");
  for (const { device, name, operatorKey } of pins) {
    const operator = fingerprint(operatorKey, crypto);
    out.emit({ type: "pin", device, name, operator, operatorKey: toHex(operatorKey) });
    out.say(`  ${device}  "${name}"  operator ${operator}`);
  }
  if (lists.length === 0) out.say("no operator has revoked anything, as far as is known here");
  for (const { number, issuedS, revoked, operatorKey } of lists) {
    const operator = fingerprint(operatorKey, crypto);
    out.emit({ type: "revocations", operator, number, issuedS, revoked });
    const day = new Date(1000 * issuedS).toISOString().slice(0, 10);
    out.say(`operator ${operator}, list ${number} of ${day}, revoked:`);
    for (const line of revokedLines({ revoked })) out.say(`  ${line}`);
  }
}
