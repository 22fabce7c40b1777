// `sluice token`: prepaid delivery tokens: signed by the operator, put on a tag, read from one, and shown.

import { toHex } from "../../firmware/bytes.ts";
import { SIGNED_BYTES_MAX } from "../../firmware/protocol/messages.ts";
import { fail, ok, type Result } from "../../firmware/result.ts";
import { tokenMessage, tokenOf } from "../../firmware/token/prepaid-tag.ts";
import {
  type PrepaidToken,
  peekPrepaid,
  signPrepaid,
  verifyPrepaid,
} from "../../firmware/token/prepaid-token.ts";
import { HalError } from "../../hal/hal-error.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import { openSystemEntropy } from "../../hal/linux/system-entropy.ts";
import { writeWholeFile } from "../../hal/linux/whole-file.ts";
import type { Command, Invocation, Output } from "../command.ts";
import { refuse } from "../consumer.ts";
import { readGivenBytes } from "../given-bytes.ts";
import { keyPath } from "../operator.ts";
import { readOperatorKeys, readOperatorSigner } from "../operator-key.ts";
import { integerOption, type OptionValues, textOption, textsOption } from "../option-value.ts";
import { mintedFact, mintedRows, readMinting } from "../token-mint.ts";
import { tagTrouble, withReader } from "../token-reader.ts";

const WAIT_S = 30;

export const token: Command = {
  name: "token",
  summary: "make prepaid tokens, put them on tags, and look at them",
  usage: "mint|write|read|show [TOKEN|FILE] [options]",
  help: `A prepaid token is the operator's word that units of a service of one device are paid. Its device
delivers them once: to the consumer whose key it names, or to whoever shows a bearer token first.

  mint               signs one, and prints it in hexadecimal digits
    --device ID        the one device on which it is good
    --service N --units N   what it is for
    --expiry E         hours from now, a day (2027-01-31, to its end) or a moment, in UTC
    --consumer KEY     whose it is: his key, or his customer id as \`sluice status\` shows it
    --bearer           it is for whoever has it, where the service takes such tokens
    --out FILE         writes it there instead
    --operator-key FILE  private key of the device's operator (default: the one among the keys of the
                     device that runs here, as a bench has it)
    --passphrase-file FILE  the key's passphrase; else it is asked for
  write TOKEN|FILE   puts it on the NFC tag that is held to a reader, and reads it back
  read               reads the token of a tag
  show TOKEN|FILE    what it says, and with --operator whether that operator signed it
    --reader pn532:PATH  a PN532 at a serial port that no running device holds
    --wait SECONDS     how long to wait for a tag (default ${WAIT_S})
    --operator HEX|FILE  the operator's public key (repeatable)
  --json             one JSON object

example: sluice token mint --device d3dm7LUG-Fo --service 1 --units 5 --expiry 48 --bearer --out t.cbor
         sluice token write t.cbor --reader pn532:/dev/ttyUSB0`,
  options: {
    device: { type: "string" },
    service: { type: "string" },
    units: { type: "string" },
    expiry: { type: "string" },
    consumer: { type: "string" },
    bearer: { type: "boolean" },
    out: { type: "string" },
    "operator-key": { type: "string" },
    "passphrase-file": { type: "string" },
    reader: { type: "string" },
    wait: { type: "string" },
    operator: { type: "string", multiple: true },
  },
  positionalsMax: 2,
  run: async (invocation) => {
    const done = await doVerb(invocation);
    return done.ok ? 0 : refuse(invocation.out, done.fault);
  },
};

async function doVerb({ values, positionals, out }: Invocation): Promise<Result<void>> {
  const [verb, given] = positionals;
  if (verb === "mint" && given === undefined) return mint(values, out);
  if (verb === "read" && given === undefined) return read(values, out);
  if (verb === "write" && given !== undefined) return write(given, values, out);
  if (verb === "show" && given !== undefined) return show(given, values, out);
  return fail("usage", "say what to do: token mint, write TOKEN, read, or show TOKEN");
}

async function mint(values: OptionValues, out: Output): Promise<Result<void>> {
  const wanted = readMinting(values, Math.floor(Date.now() / 1000), openNodeCrypto());
  if (!wanted.ok) return wanted;
  const path = keyPath(values);
  if (!path.ok) return path;
  const signer = await readOperatorSigner(path.value, out, textOption(values, "passphrase-file"));
  if (!signer.ok) return signer;
  const minted = { order: toHex(openSystemEntropy().bytes(8)), ...wanted.value };
  const signed = signPrepaid(minted, signer.value);
  const file = textOption(values, "out");
  // A bearer token is as good as money: for its owner's eyes only.
  if (file !== undefined) keep(file, signed);
  tell(minted, signed, out, file === undefined ? { signed: toHex(signed) } : { file });
  if (file === undefined) out.say(toHex(signed));
  return ok(undefined);
}

function keep(path: string, signed: Uint8Array): void {
  try {
    writeWholeFile(path, { content: signed, mode: 0o600, over: true });
  } catch (error) {
    throw new HalError("refused", `${path} cannot be written`, error);
  }
}

async function write(given: string, values: OptionValues, out: Output): Promise<Result<void>> {
  const signed = readGivenBytes(given, SIGNED_BYTES_MAX);
  if (!signed.ok) return signed;
  const shown = peekPrepaid(signed.value);
  const message = tokenMessage(signed.value);
  if (!shown.ok || message === undefined) {
    return fail("malformed", "it is no prepaid token: sluice token mint makes one", "TOKEN");
  }
  const waitMs = readWait(values);
  if (!waitMs.ok) return waitMs;
  return withReader(textOption(values, "reader"), async (reader) => {
    out.say("hold a tag to the reader");
    const written = await reader.writeTag(message, waitMs.value);
    if (written.kind === "full") return tagTrouble(written.kind, written.bytesMax);
    if (written.kind !== "written") return tagTrouble(written.kind);
    out.emit({ type: "written", order: shown.value.order, bytes: message.length });
    out.say(`written: ${message.length} bytes, and read back`);
    return ok(undefined);
  });
}

async function read(values: OptionValues, out: Output): Promise<Result<void>> {
  const waitMs = readWait(values);
  if (!waitMs.ok) return waitMs;
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return operators;
  return withReader(textOption(values, "reader"), async (reader) => {
    out.say("hold a tag to the reader");
    const found = await reader.readTag(waitMs.value);
    if (found.kind !== "ndef") return tagTrouble(found.kind);
    const signed = tokenOf(found.message);
    if (signed === undefined) return fail("not-found", "the tag holds no prepaid token");
    return tellShown(signed, operators.value, out);
  });
}

async function show(given: string, values: OptionValues, out: Output): Promise<Result<void>> {
  const signed = readGivenBytes(given, SIGNED_BYTES_MAX);
  if (!signed.ok) return signed;
  const operators = readOperatorKeys(textsOption(values, "operator"));
  if (!operators.ok) return operators;
  return tellShown(signed.value, operators.value, out);
}

/** Errors: `malformed`, and `signature` when none of the given operators signed it. */
function tellShown(
  signed: Uint8Array,
  operators: readonly Uint8Array[],
  out: Output,
): Result<void> {
  const shown = peekPrepaid(signed);
  if (!shown.ok) return fail("malformed", "it is no prepaid token", "TOKEN");
  const crypto = openNodeCrypto();
  const isGenuine = operators.some((key) => verifyPrepaid(signed, key, crypto).ok);
  if (operators.length > 0 && !isGenuine) {
    return fail("signature", "it was not signed by that operator", "TOKEN");
  }
  const fact = { signed: toHex(signed), verified: isGenuine };
  tell(shown.value, signed, out, fact);
  const unproven = "by whom, nobody has checked: give the operator's key with --operator";
  out.say(`signed    ${isGenuine ? "by the operator whose key you gave" : unproven}`);
  return ok(undefined);
}

function tell(
  shown: PrepaidToken,
  signed: Uint8Array,
  out: Output,
  more: Readonly<Record<string, unknown>>,
): void {
  const onTag = tokenMessage(signed)?.length;
  out.emit({ type: "token", ...mintedFact(shown), bytes: signed.length, onTag, ...more });
  for (const row of mintedRows(shown)) out.say(row);
  out.say(`size      ${signed.length} bytes, ${onTag ?? 0} on a tag`);
}

function readWait(values: OptionValues): Result<number> {
  const seconds = integerOption(values, "wait", { min: 1, max: 600 });
  return seconds.ok ? ok(1000 * (seconds.value ?? WAIT_S)) : seconds;
}
