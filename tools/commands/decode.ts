// sluice decode: any frame of the protocol, any signed object, or any CBOR, as text.

import { readFrame } from "../../bench/frame-text.ts";
import { RFC8949_BYTES_MAX } from "../../firmware/protocol/cbor-check.ts";
import { openNodeCrypto } from "../../hal/linux/node-crypto.ts";
import type { Command, ExitCode, Invocation } from "../command.ts";
import { refuse } from "../consumer.ts";
import { fieldLines } from "../field-text.ts";
import { readGivenBytes } from "../given-bytes.ts";
import { textOption } from "../option-value.ts";

export const decode: Command = {
  name: "decode",
  summary: "print a frame as text",
  usage: "[HEX|FILE|-] [--topic TOPIC] [--json]",
  help: `Says what some bytes are (announcement, request, reply, hint, message, certificate, offer, token,
receipt, or plain CBOR), names their fields and shows them in CBOR diagnostic notation. Nothing is
verified, and sealed boxes stay sealed. Without an argument, or for "-", reads standard input:
hexadecimal, or the bytes themselves. Exit code 1 for what is no CBOR.

  --topic TOPIC      the MQTT topic it came on: then its shape is not guessed
  --json             one JSON object a line

example: mosquitto_sub -C 1 -t 's1/a/+' -F %x | sluice decode`,
  options: { topic: { type: "string" } },
  positionalsMax: 1,
  run: async (invocation) => show(invocation),
};

function show({ values, positionals, out }: Invocation): ExitCode {
  const [given] = positionals;
  if (given === undefined && process.stdin.isTTY === true) {
    return refuse(out, { kind: "usage", message: "decode what? give hexadecimal, a file, or -" });
  }
  const bytes = readGivenBytes(given ?? "-", RFC8949_BYTES_MAX);
  if (!bytes.ok) return refuse(out, bytes.fault);
  const frame = readFrame(bytes.value, textOption(values, "topic"), openNodeCrypto());
  if (!frame.ok) return refuse(out, frame.fault);
  const { kind, fields, diagnostic, strict } = frame.value;
  out.emit({ type: "frame", kind, bytes: bytes.value.length, fields, diagnostic, strict });
  out.say(`${kind}, ${bytes.value.length} bytes`);
  for (const line of fieldLines(fields)) out.say(line);
  if (strict !== undefined) out.say(`not in the protocol's strict form: ${strict}`);
  if (diagnostic !== "") out.say(diagnostic);
  return 0;
}
