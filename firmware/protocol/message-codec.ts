// Messages as bytes: the kind is key 0, the fields as messages.ts has them.

import { assert } from "../assert.ts";
import { fail, ok, type Result } from "../result.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import { FRAME_BYTES_MAX, MESSAGES, type Message, type MessageName } from "./messages.ts";
import { readCbor } from "./schema.ts";

const NAMES = new Map<number, MessageName>(
  Object.entries(MESSAGES).map(([name, { kind }]) => [kind, name as MessageName]),
);
assert(NAMES.size === Object.keys(MESSAGES).length, "message kinds differ");

export function encodeMessage(message: Message): Uint8Array {
  const { type } = MESSAGES[message.is];
  const body = (type.toCbor as (value: Message) => CborValue)(message);
  return encodeCbor(new Map([[0, MESSAGES[message.is].kind], ...(body as Map<number, CborValue>)]));
}

/** Errors: `malformed`, `too-large`, `unsupported` for a kind that this version does not know. */
export function decodeMessage(frame: Uint8Array): Result<Message> {
  const decoded = decodeCbor(frame, FRAME_BYTES_MAX);
  if (!decoded.ok) return decoded;
  if (!(decoded.value instanceof Map)) return fail("malformed", "a message is a map", "message");
  const kind: unknown = decoded.value.get(0);
  const name = typeof kind === "number" ? NAMES.get(kind) : undefined;
  if (name === undefined) {
    return fail("unsupported", `message kind ${String(kind)} is not known here`, "message.0");
  }
  const { type, bytesMax } = MESSAGES[name];
  if (frame.length > bytesMax + UNKNOWN_BYTES_MAX) {
    return fail("too-large", `${name} is over ${bytesMax + UNKNOWN_BYTES_MAX} bytes`, name);
  }
  const body = readCbor<object>(type as never, decoded.value, name);
  return body.ok ? ok({ is: name, ...body.value } as Message) : body;
}

/** Room for fields that a later minor version may have added. */
const UNKNOWN_BYTES_MAX = 64;
