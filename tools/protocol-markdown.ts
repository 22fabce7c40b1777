// docs/PROTOCOL.md as text: what stands in the code (messages, shapes, codes), the words to it, and one real
// example of each, in hexadecimal and in diagnostic notation.

import { toHex } from "../firmware/bytes.ts";
import { FAULT_CODES, type FaultKind } from "../firmware/fault.ts";
import { COMMAND } from "../firmware/producer/command.ts";
import { diagnostic } from "../firmware/protocol/diagnostic.ts";
import { encodeMessage } from "../firmware/protocol/message-codec.ts";
import {
  COMMAND_BYTES_MAX,
  type Direction,
  MESSAGES,
  type MessageName,
  type Section,
  SIGNED_BYTES_MAX,
} from "../firmware/protocol/messages.ts";
import { type Cddl, headBytes, type Type } from "../firmware/protocol/schema.ts";
import { ANNOUNCEMENT } from "../firmware/token/announcement.ts";
import { CERTIFICATE } from "../firmware/token/certificate.ts";
import { COMMITMENT } from "../firmware/token/commitment.ts";
import { TOKEN } from "../firmware/token/delivery-token.ts";
import { OFFER } from "../firmware/token/offer.ts";
import { PREPAID } from "../firmware/token/prepaid-token.ts";
import { RECEIPT } from "../firmware/token/receipt.ts";
import { REVOCATIONS } from "../firmware/token/revocation.ts";
import { decodeSign1 } from "../firmware/token/sign1.ts";
import { entriesOf, withSort } from "./protocol-cddl.ts";
import type { Story } from "./protocol-examples.ts";
import { FAULT_WORDS } from "./protocol-fault-words.ts";
import { credentialText, introduction, streamText } from "./protocol-introduction.ts";
import { MESSAGE_WORDS, SIGNED_WORDS } from "./protocol-words.ts";

const SECTIONS: readonly Section[] = [
  "discovery",
  "pricing",
  "payment tokens",
  "metered delivery",
  "operation",
];

const DIRECTIONS: Readonly<Record<Direction, string>> = {
  request: "request, consumer to device",
  reply: "reply, device to consumer",
  push: "push, device to consumer, unasked",
};

/** Array head, protected header, an empty unprotected one, head of the payload, signature. */
function signedBytesMax(claims: Type<never>, unprotectedBytes: number): number {
  const payload = claims.bytesMax;
  return 1 + 4 + unprotectedBytes + headBytes(payload) + payload + 66;
}

/** Greatest sizes of the signed objects. */
export const SIGNED_SIZES = {
  // {4: 8 bytes}: the operator's thumbprint.
  certificate: signedBytesMax(CERTIFICATE.claims as Type<never>, 11),
  revocations: signedBytesMax(REVOCATIONS.claims as Type<never>, 1),
  announcement: signedBytesMax(ANNOUNCEMENT.claims as Type<never>, 1),
  offer: signedBytesMax(OFFER.claims as Type<never>, 1),
  token: signedBytesMax(TOKEN.claims as Type<never>, 1),
  prepaid: signedBytesMax(PREPAID.claims as Type<never>, 1),
  commitment: signedBytesMax(COMMITMENT.claims as Type<never>, 1),
  receipt: signedBytesMax(RECEIPT.claims as Type<never>, 1),
  // Its shapes would allow more.
  command: COMMAND_BYTES_MAX,
};

/** The whole document. */
export function protocolMarkdown(story: Story): string {
  const parts = [introduction(story)];
  for (const section of SECTIONS) {
    const title = section.charAt(0).toUpperCase() + section.slice(1);
    parts.push(`## ${title}\n`, opening(section), ...messagesOf(section, story));
    parts.push(...signedOf(section, story));
  }
  parts.push(closedLists(), faultCodes());
  return `${parts.join("\n").trimEnd()}\n`;
}

function opening(section: Section): string {
  switch (section) {
    case "discovery":
      return `A device keeps one retained message under \`s1/a/DEVICE\`: its signed announcement, with its certificate in it.
A consumer subscribes to \`s1/a/+\`, checks that the certificate chains to an operator key that it was given or has
pinned, that the announcement is signed by the certified key and that it stands under that key's own device id,
and only then believes it. An empty message under the topic withdraws the announcement; the device's last will is
that empty message. \`fault\` stands here because it may answer anything.
`;
    case "pricing":
      return `Prices are per unit and for information; what binds is the signed offer that \`select\` is answered with. It is for
one consumer, expires, and reserves nothing.
`;
    case "payment tokens":
      return `Paying an offer turns it into an order of the same id, and is answered with a signed delivery token.
`;
    case "metered delivery":
      return `An order is delivered in one or more sessions, one at a time on an outlet. Every session ends with a signed
receipt, every order with a settlement receipt.
`;
    case "operation":
      return `The device's operator changes what is sold, and how, while it runs: by commands that its own key signed. They travel
like every other request; whose connection carries them says nothing.
`;
  }
}

function messagesOf(section: Section, story: Story): readonly string[] {
  const names = Object.keys(MESSAGES) as MessageName[];
  return names
    .filter((name) => MESSAGES[name].section === section)
    .map((name) => messageText(name, story));
}

function messageText(name: MessageName, story: Story): string {
  const { kind, direction, says, type, bytesMax } = MESSAGES[name];
  const { more, fields } = MESSAGE_WORDS[name];
  const words = fields as Readonly<Record<string, string>>;
  const rows = rowsOf(type.cddl, "", "", (path) => words[path] ?? "");
  const kindRow = row(["0", "kind", `\`${kind}\``, ""]);
  return [
    `### ${kind} \`${name}\`\n`,
    `*${DIRECTIONS[direction]}.* ${says}${more === undefined ? "" : ` ${more}`}\n`,
    table(["key", "field", "CDDL", "what it says"], [kindRow, ...rows]),
    example(encodeMessage(story.messages[name]), bytesMax),
  ].join("\n");
}

function signedOf(section: Section, story: Story): readonly string[] {
  const { signed } = story;
  switch (section) {
    case "discovery":
      return [
        signedText("certificate", CERTIFICATE.claims.cddl, [["", signed.certificate]]),
        signedText("announcement", ANNOUNCEMENT.claims.cddl, [["", signed.announcement]]),
        signedText("revocations", REVOCATIONS.claims.cddl, [["", signed.revocations]]),
      ];
    case "pricing":
      return [
        signedText("offer", OFFER.claims.cddl, [
          ["", signed.offer],
          ["with tax, a tier and a start fee", signed["tariff offer"]],
        ]),
      ];
    case "payment tokens":
      return [
        signedText("token", TOKEN.claims.cddl, [["", signed.token]]),
        signedText("prepaid", PREPAID.claims.cddl, [
          ["of a consumer", signed.prepaid],
          ["of a bearer", signed["bearer prepaid"]],
        ]),
        signedText("commitment", COMMITMENT.claims.cddl, [["", signed.commitment]]),
        streamText(story),
        credentialText(story.messages.pay.credential),
      ];
    case "metered delivery":
      return [
        signedText("receipt", RECEIPT.claims.cddl, [
          ["of a session", signed["session receipt"]],
          ["of the settlement", signed["settlement receipt"]],
          ["of a session at a tariff", signed["tariff session receipt"]],
        ]),
      ];
    case "operation":
      return [signedText("command", COMMAND.claims.cddl, [["", signed.command]])];
  }
}

const SIGNERS: Readonly<Record<keyof typeof SIGNED_SIZES, string>> = {
  certificate: "Signed by the operator, whose thumbprint is the unprotected header parameter 4.",
  revocations: "The operator's list of certificates that it takes back, signed by the operator.",
  announcement: "Signed by the device.",
  offer: "Signed by the device.",
  token: "Signed by the device.",
  prepaid: "Signed by the operator, with the key that vouches for the device.",
  commitment:
    "The payer's word that whoever shows a link of his chain has delivered units of an order; signed with the key that stands in it, which his own secret makes.",
  receipt: "Signed by the device.",
  command: "Signed by the operator, with the key that vouches for the device.",
};

const SIGNED_NAMES: Partial<Record<keyof typeof SIGNED_SIZES, string>> = {
  token: "delivery token",
  prepaid: "prepaid token",
};

function signedText(
  name: keyof typeof SIGNED_SIZES,
  claims: Cddl,
  examples: readonly (readonly [string, Uint8Array])[],
): string {
  const words = SIGNED_WORDS[name] ?? {};
  const rows = rowsOf(claims, "", "", (path) => {
    const found = words[path.replace(/\[\]\..*$/, "")];
    if (found === undefined) throw new Error(`no words for ${path} of the signed ${name}`);
    return path.includes("[]") ? "" : found;
  });
  return [
    `### Signed ${SIGNED_NAMES[name] ?? name}\n`,
    `${SIGNERS[name]} External data: \`sluice/1 ${name}\`. Claims:\n`,
    table(["key", "claim", "CDDL", "what it says"], rows),
    ...examples.map(([which, bytes]) => {
      const sign1 = decodeSign1(bytes, SIGNED_BYTES_MAX);
      if (!sign1.ok) throw new Error(sign1.fault.message);
      const label = which === "" ? "" : `${which}, `;
      return `${example(bytes, SIGNED_SIZES[name], label)}\nIts claims:\n\n${code(diagnostic(sign1.value.payload))}`;
    }),
  ].join("\n");
}

/** A line for each field, those of a tuple or map within by their path: `-65537.3`, `1[].0`. */
function rowsOf(
  shape: Cddl,
  key: string,
  name: string,
  wordsOf: (path: string) => string,
): string[] {
  if (shape.is === "named") return rowsOf(shape.of, key, name, wordsOf);
  if (shape.is === "list") return rowsOf(shape.item, `${key}[]`, `${name}[]`, wordsOf);
  if (shape.is === "sorts") {
    return shape.tuples.flatMap((one, sort) => [
      row(["", `*${shortShape(one)}*`, "", ""]),
      ...rowsOf(withSort(one, sort), key, name, wordsOf),
    ]);
  }
  return entriesOf(shape).flatMap((entry) => {
    const at = key === "" ? String(entry.key) : `${key}.${entry.key}`;
    const path = name === "" ? entry.name : `${name}.${entry.name}`;
    const optional = entry.required ? "" : " (optional)";
    const own = row([at, `${path}${optional}`, `\`${shortShape(entry.of)}\``, wordsOf(path)]);
    return [own, ...rowsOf(entry.of, at, path, wordsOf)];
  });
}

function shortShape(shape: Cddl): string {
  switch (shape.is) {
    case "plain":
      return shape.text;
    case "numbers":
      return shape.numbers.map(([, number]) => number).join(" / ");
    case "list":
      return `[0*${shape.countMax} ${shortShape(shape.item)}]`;
    case "names":
    case "map":
      return "{}";
    case "tuple":
      return "[]";
    case "sorts":
      return shape.tuples.map(shortShape).join(" / ");
    case "named":
      return shape.of.is === "plain" ? shape.of.text : shape.name;
  }
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return `${[row(head), `|${"---|".repeat(head.length)}`, ...rows].join("\n")}\n`;
}

/** An encoded example under its size, in hexadecimal and in words. */
function example(bytes: Uint8Array, bytesMax: number, label = ""): string {
  const sizes = `Example, ${label}${bytes.length} bytes; at most ${bytesMax}:`;
  return `${sizes}\n\n${code(hexLines(bytes))}\n${code(diagnostic(bytes))}`;
}

function code(text: string): string {
  return `\`\`\`\n${text}\n\`\`\`\n`;
}

function hexLines(bytes: Uint8Array): string {
  return toHex(bytes).replace(/.{96}(?=.)/g, "$&\n");
}

function closedLists(): string {
  const lists = new Map<string, string>();
  const visit = (shape: Cddl, name = ""): void => {
    if (shape.is === "named") visit(shape.of, shape.name);
    else if (shape.is === "list") visit(shape.item);
    else if (shape.is === "sorts") for (const tuple of shape.tuples) visit(tuple);
    else if (shape.is === "numbers") {
      lists.set(name, shape.numbers.map(([word, number]) => `${number} ${word}`).join(", "));
    }
    for (const { of } of entriesOf(shape)) visit(of);
  };
  for (const { type } of Object.values(MESSAGES)) visit(type.cddl);
  visit(OFFER.claims.cddl);
  visit(RECEIPT.claims.cddl);
  visit(COMMAND.claims.cddl);
  const rows = [...lists].map(([name, words]) => row([`\`${name}\``, words]));
  return `## Closed lists\n\n${table(["CDDL", "numbers"], rows)}`;
}

const AREAS = [
  "anything",
  "bytes and messages",
  "trust",
  "offering",
  "payment",
  "delivery",
  "the operator's commands",
] as const;

function faultCodes(): string {
  const blocks = AREAS.map((area, hundred) => {
    const rows = (Object.keys(FAULT_CODES) as FaultKind[])
      .filter((kind) => Math.floor(FAULT_CODES[kind] / 100) === hundred)
      .map((kind) => row([String(FAULT_CODES[kind]), `\`${kind}\``, FAULT_WORDS[kind]]));
    const range = `${hundred * 100 || 1} to ${hundred * 100 + 99}`;
    return `### ${range}: ${area}\n\n${table(["code", "name", "what it says"], rows)}`;
  });
  return `## Error codes

What \`fault\` says. Numbers are never reused. Some are met in one's own checks only and are never sent.

${blocks.join("\n")}`;
}
