// sluice verify: checks receipts, offers and tokens offline, against the key of an operator.

import { toHex } from "../../firmware/bytes.ts";
import { fingerprint } from "../../firmware/consumer/trust.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { countedUnits, countText } from "../../firmware/units.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { refuse } from "../consumer.ts";
import { readWhole } from "../given-bytes.ts";
import { verifyObjects } from "../object-check.ts";
import { readOperatorKeys } from "../operator-key.ts";
import { textOption, textsOption } from "../option-value.ts";
import {
  type CheckedBundle,
  checkAcross,
  checkBundle,
  readBundle,
  signedLate,
} from "../receipt-bundle.ts";
import { offerFact, offerRows, receiptFact, receiptRows, timeText } from "../sale-text.ts";
import { mintedFact, mintedRows } from "../token-mint.ts";

const BUNDLE_BYTES_MAX = 8 * 1024 * 1024;

export const verify: Command = {
  name: "verify",
  summary: "check receipts, offers and tokens offline",
  usage: "FILE... [--operator HEX|FILE]   or   HEX|FILE... --certificate HEX|FILE",
  help: `Checks bundles as buy, begin and --save write them: the certificate by the operator's key, then the
offer, the token and every receipt by the device's, that they belong together, that the sums are
right, and that receipts of one device stand in one chain. Says who sold what to whom, and warns of
receipts from after the certificate had expired. Several files are checked together. Exit code 1,
and what is wrong, when anything is not as it was signed.

  --operator HEX|FILE  the operator's public key (repeatable). Without it the key in the bundle is
                     taken, which proves only that the bundle is consistent
  --certificate HEX|FILE  check single signed objects, given as hexadecimal or files, by this
                     device certificate
  --json             one JSON object a line

example: sluice verify receipt.json --operator operator.pub`,
  options: {
    operator: { type: "string", multiple: true },
    certificate: { type: "string" },
  },
  positionalsMax: 256,
  run: async (invocation) => check(invocation),
};

function check({ values, positionals, out }: Invocation): ExitCode {
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return refuse(out, operators.fault);
  if (positionals.length === 0) {
    return refuse(out, {
      kind: "usage",
      message: "verify what? give the file of a receipt bundle",
    });
  }
  const certificate = textOption(values, "certificate");
  const checked =
    certificate === undefined
      ? verifyBundles(positionals, operators.value, out)
      : verifyObjects(positionals, certificate, operators.value, out);
  return checked.ok ? 0 : refuse(out, checked.fault);
}

function verifyBundles(
  files: readonly string[],
  operators: readonly Uint8Array[],
  out: Invocation["out"],
): Result<void> {
  const crypto = openNodeCrypto();
  const bundles: CheckedBundle[] = [];
  for (const file of files) {
    const bytes = readWhole(file, BUNDLE_BYTES_MAX);
    if (!bytes.ok) return bytes;
    const bundle = readBundle(Buffer.from(bytes.value).toString("utf8"));
    if (!bundle.ok) return inFile(file, bundle);
    const checked = checkBundle(bundle.value, operators, crypto);
    if (!checked.ok) return inFile(file, checked);
    tellBundle(file, checked.value, fingerprint(checked.value.operatorKey, crypto), out);
    bundles.push(checked.value);
  }
  const chain = checkAcross(bundles, crypto);
  if (!chain.ok) return chain;
  const receipts = chain.value;
  const trusted = bundles.every((one) => one.trusted);
  out.emit({ step: "verified", files: files.length, receipts, trusted });
  out.say(
    `verified: ${countText(files.length, "file")}, ${countText(receipts, "receipt")}: every signature, digest and sum is right`,
  );
  if (!trusted) {
    out.say(
      "WARNING: no --operator was given. This proves that the bundle is consistent, NOT who signed it.",
    );
    out.say(
      "         Compare the operator's fingerprint above with one that you have from the operator.",
    );
  }
  return ok(undefined);
}

function tellBundle(
  file: string,
  bundle: CheckedBundle,
  operator: string,
  out: Invocation["out"],
): void {
  const { certificate, offer, prepaid, token, receipts, trusted } = bundle;
  const { device, bench, serial, expiresS } = certificate;
  const isBearers = prepaid !== undefined && prepaid.consumer === undefined;
  const consumer = isBearers ? undefined : toHex(offer.consumer);
  const late = signedLate(bundle);
  out.emit({ step: "bundle", file, device, operator, trusted, bench, serial, consumer, late });
  if (prepaid === undefined) out.emit({ step: "select", device, ...offerFact(offer) });
  else out.emit({ step: "prepaid", ...mintedFact(prepaid) });
  out.say(`${file}`);
  out.say(
    `  sold by      device ${device}, serial ${serial}${bench ? ", BENCH KEYS: simulated money only" : ""}`,
  );
  out.say(
    `  operator     ${operator} (${trusted ? "the key you gave" : "as the bundle says, UNPROVEN"})`,
  );
  if (!isBearers) out.say(`  bought by    ${consumer}`);
  const rows = prepaid === undefined ? offerRows(offer) : mintedRows(prepaid).map(indented);
  for (const line of rows) out.say(line);
  if (token !== undefined) {
    out.emit({ step: "pay", order: token.order, units: token.units, expiresS: token.expiresS });
    out.say(
      `  paid         token for ${countedUnits(token.units, offer.unit)}, good until ${timeText(token.expiresS)}`,
    );
  }
  for (const receipt of receipts) {
    out.emit({ step: "receipt", device, ...receiptFact(receipt, offer) });
    for (const line of receiptRows(receipt, offer)) out.say(line);
  }
  if (receipts.length === 0) out.say("  no receipt yet");
  if (late.length > 0) {
    const numbers = `receipt ${late.join(", ")}`;
    out.say(
      `WARNING: the device's certificate expired at ${timeText(expiresS)}, before ${numbers}.`,
    );
  }
}

function indented(line: string): string {
  return `  ${line}`;
}

function inFile<T>(file: string, result: Result<T>): Result<never> {
  if (result.ok) return fail("internal", "no fault to name");
  const { kind, message, at } = result.fault;
  return fail(kind, `${file}: ${message}`, at);
}
