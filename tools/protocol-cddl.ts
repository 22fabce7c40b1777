// The CDDL (RFC 8610) of the protocol, made from the shapes in firmware/protocol and firmware/token. What is no
// shape there (frames, the wrapping of what is signed) stands here as text; the tests hold all of it against
// real bytes.

import { COMMAND } from "../firmware/producer/command.ts";
import { COUNTER_MAX, EPOCH_MAX, REQUEST_ID_MAX } from "../firmware/protocol/envelope.ts";
import {
  COMMAND_BYTES_MAX,
  FRAME_BYTES_MAX,
  MESSAGES,
  SIGNED_BYTES_MAX,
} from "../firmware/protocol/messages.ts";
import type { Cddl, CddlEntry } from "../firmware/protocol/schema.ts";
import { ANNOUNCEMENT } from "../firmware/token/announcement.ts";
import { CERTIFICATE } from "../firmware/token/certificate.ts";
import { COMMITMENT } from "../firmware/token/commitment.ts";
import { TOKEN } from "../firmware/token/delivery-token.ts";
import { OFFER } from "../firmware/token/offer.ts";
import { PREPAID } from "../firmware/token/prepaid-token.ts";
import { RECEIPT } from "../firmware/token/receipt.ts";
import { REVOCATIONS } from "../firmware/token/revocation.ts";

/** The sorts of objects that are signed. */
export const SIGNED = [
  CERTIFICATE,
  REVOCATIONS,
  ANNOUNCEMENT,
  OFFER,
  TOKEN,
  PREPAID,
  COMMITMENT,
  RECEIPT,
  COMMAND,
];

const HEADER = `\
; Sluice protocol, version 1: the normative description of its bytes, in CDDL (RFC 8610).
; Made from firmware/protocol/messages.ts and the shapes beside it by tools/protocol-doc.ts; not edited by hand.
; PROTOCOL.md says what the messages are for and shows one of each.
;
; What CDDL does not say:
; - All of it is deterministic CBOR (RFC 8949 4.2.1) without floats, tags, undefined, or more than 8 levels.
; - Text holds no control characters.
; - Keys >= 0 and items at the end of an array that are not known are skipped; unknown keys < 0 are refused.
; - A frame has at most ${FRAME_BYTES_MAX} bytes, a signed object at most ${SIGNED_BYTES_MAX}, and what only an
;   operator signs (save the certificate) at most ${COMMAND_BYTES_MAX}.
`;

const FRAMES = `\
; ---- frames: the payloads under q, p and r ----

request-frame = [
  id: 0..${REQUEST_ID_MAX}, ; one more for each request of a connection
  box: bstr .size (16..${FRAME_BYTES_MAX}), ; a message, sealed
  ? consumerKey: bstr .size 32, ; X25519
]

reply-frame = [
  id: 0..${REQUEST_ID_MAX}, ; of the request that is answered, or that asked to be told
  n: 1..${COUNTER_MAX}, ; one more for each reply of an epoch
  box: bstr .size (16..${FRAME_BYTES_MAX}), ; a message, sealed
]

hint-frame = [
  id: 0..${REQUEST_ID_MAX},
  n: 0,
  epoch: 0..${EPOCH_MAX},
]

proof-frame = proof ; not sealed
`;

const LATER = `\
; What a later minor version may add in a place that is skipped.
later = int / bstr / tstr / bool / null / [ * later ] / { * (int / tstr) => later }
`;

/** Rules that others refer to, in the order in which they were met. */
type Rules = Map<string, string>;

/** The whole document. */
export function protocolCddl(): string {
  const rules: Rules = new Map();
  const messages = Object.entries(MESSAGES).map(([name, { kind, type, says }]) => {
    const kindEntry: CddlEntry = {
      name: "kind",
      key: 0,
      required: true,
      of: { is: "plain", text: String(kind) },
    };
    const entries = [kindEntry, ...entriesOf(type.cddl)];
    return `; ${says}\n${name}-message = ${write({ is: "map", entries }, "", rules)}\n`;
  });
  const choice = Object.keys(MESSAGES).map((name) => `${name}-message`);
  const signed = SIGNED.map(
    ({ name, claims }) =>
      `signed-${name} = ${sign1(name)}\n\n${name}-claims = ${write(claims.cddl, "", rules)}\n`,
  );
  return [
    HEADER,
    FRAMES,
    "; ---- messages: what is sealed in a box ----\n",
    `message = ${choice.join(" /\n  ")}\n`,
    ...messages,
    "; ---- signed objects: COSE_Sign1 (RFC 9052) over CWT claims (RFC 8392) ----\n",
    ...signed,
    "; ---- shared by several ----\n",
    ...[...rules].map(([name, rule]) => `${name} = ${rule}\n`),
    LATER,
  ].join("\n");
}

/** Fields of a map. */
export function entriesOf(shape: Cddl): readonly CddlEntry[] {
  return shape.is === "map" || shape.is === "tuple" ? shape.entries : [];
}

/** The certificate names its operator; the others carry nothing unprotected. */
function sign1(name: string): string {
  const keyId = name === "certificate" ? "4: bstr .size 8, " : "";
  return `[
  protected: h'a10127', ; {1: -8}: EdDSA
  unprotected: { ${keyId}* int => later },${keyId === "" ? "" : " ; 4: kid, thumbprint of the operator's key"}
  payload: bstr .cbor ${name}-claims,
  signature: bstr .size 64, ; external data: "sluice/1 ${name}"
]`;
}

function write(shape: Cddl, indent: string, rules: Rules): string {
  switch (shape.is) {
    case "plain":
      return shape.text;
    case "numbers":
      return numbers(shape.numbers, indent);
    case "list":
      return `[ 0*${shape.countMax} ${write(shape.item, indent, rules)} ]`;
    case "names":
      return `{ 0*${shape.countMax} tstr .size (1..${shape.nameBytesMax}) => ${write(shape.of, indent, rules)} }`;
    case "map":
      return block("{}", shape.entries, indent, rules);
    case "tuple":
      return block("[]", shape.entries, indent, rules);
    case "sorts":
      return shape.tuples
        .map((tuple, sort) => write(withSort(tuple, sort), indent, rules))
        .join(" / ");
    case "named":
      if (!rules.has(shape.name)) {
        // Its place is kept first, so that what it refers to comes after it.
        rules.set(shape.name, "");
        rules.set(shape.name, write(shape.of, "", rules));
      }
      return shape.name;
  }
}

function numbers(all: readonly (readonly [string, number])[], indent: string): string {
  const lines = all.map(([name, number]) => `${indent}  ${name}: ${number},\n`);
  return `&(\n${lines.join("")}${indent})`;
}

function block(
  brackets: "{}" | "[]",
  entries: readonly CddlEntry[],
  indent: string,
  rules: Rules,
): string {
  const isMap = brackets === "{}";
  const lines = entries.map(({ name, key, required, of }) => {
    const shape = write(of, `${indent}  `, rules);
    const [first = "", ...rest] = `${required ? "" : "? "}${isMap ? key : name}: ${shape},`.split(
      "\n",
    );
    return [isMap ? `${first} ; ${name}` : first, ...rest].join("\n");
  });
  lines.push(isMap ? "* uint => later," : "* later,");
  const inner = lines.map((line) => `${indent}  ${line}\n`).join("");
  return `${brackets[0]}\n${inner}${indent}${brackets[1]}`;
}

/** A tuple whose first item says that it is this one. */
export function withSort(tuple: Cddl, sort: number): Cddl {
  if (tuple.is === "named") return { ...tuple, of: withSort(tuple.of, sort) };
  const [first, ...others] = entriesOf(tuple);
  if (first === undefined) return tuple;
  const entries = [{ ...first, of: { is: "plain" as const, text: String(sort) } }, ...others];
  return { is: "tuple", entries };
}
