// The opening of docs/PROTOCOL.md: transport, encoding, envelope, retries; and the sealed credential, whose
// layout is no CBOR.

import { toHex } from "../firmware/bytes.ts";
import { SLUICE_DEPTH_MAX } from "../firmware/protocol/cbor-check.ts";
import { diagnostic } from "../firmware/protocol/diagnostic.ts";
import { encodeMessage } from "../firmware/protocol/message-codec.ts";
import { FRAME_BYTES_MAX, SIGNED_BYTES_MAX } from "../firmware/protocol/messages.ts";
import {
  ANNOUNCEMENTS,
  announcementTopic,
  proofsFilter,
  proofTopic,
  replyTopic,
  requestsFilter,
  requestTopic,
} from "../firmware/protocol/topics.ts";
import type { Story } from "./protocol-examples.ts";

/** Head of the array, counter, head of the box, its 16 bytes, and what an example adds. */
const REQUEST_OVERHEAD = 1 + 5 + 3 + 16 + 34;
const REPLY_OVERHEAD = 1 + 5 + 9 + 3 + 16;

export function introduction(story: Story): string {
  return `# Sluice protocol, version 1

How a device that sells (the producer) and a machine that buys (the consumer) speak. The bytes are described
normatively in [protocol.cddl](protocol.cddl); this page says what they are for and shows one of each. Both are made
from the code by \`tools/protocol-doc.ts\` and are not edited by hand.

All examples belong to one sale: ${story.offer.units} ${story.offer.unit} are bought from device \`${story.device}\`, 6.25 are delivered, the rest is
refunded. Their keys are public: the secrets of operator, device (signing), device (box), payment host and consumer
are 32 bytes each of 01, 02, 03, 04 and 05.

${transport(story)}
${encoding()}
${envelope(story)}
${retries()}`;
}

function transport(story: Story): string {
  const { device, connection } = story;
  return `## Transport

MQTT 3.1.1. Nothing in it is trusted, the broker included: messages may be lost, doubled, delayed, reordered, read or
forged. A connection's name is 8 characters of the URL-safe base64 alphabet, drawn anew each time, and is also its
client id; a device's id is the thumbprint of its signing key in the same alphabet, 11 characters.

| topic | what | who publishes | who subscribes |
|---|---|---|---|
| \`${announcementTopic("DEVICE")}\` | announcement, retained; empty when withdrawn, also by the last will | the device | consumers, as \`${ANNOUNCEMENTS}\` |
| \`${requestTopic("DEVICE", "CONN")}\` | requests of one connection | that consumer | the device, as \`${requestsFilter("DEVICE")}\` |
| \`${proofTopic("DEVICE", "CONN")}\` | proofs of payment of one connection, not sealed | that consumer | the device, as \`${proofsFilter("DEVICE")}\`, where something that it sells can be paid while it is delivered |
| \`${replyTopic("CONN")}\` | replies and pushes to one connection | devices | that consumer |

In the examples: \`${announcementTopic(device)}\`, \`${requestTopic(device, connection)}\`, \`${replyTopic(connection)}\`.

**Versions.** The major version is the number in the topic, the minor version stands in the announcement. A minor
version only adds: unknown keys >= 0, and items at the end of an array, are skipped. A key below 0 that is not known
must be understood and is refused. Numbers of messages, keys, list values and errors are never reused.
`;
}

function encoding(): string {
  return `## Encoding

Everything is CBOR in its one deterministic form (RFC 8949 section 4.2.1): shortest integers and lengths, no indefinite
lengths, map keys sorted bytewise and never twice, valid UTF-8. Of CBOR only integers, byte and text strings, arrays,
maps with integer or text keys, false, true and null are used: no floats, no tags. At most ${SLUICE_DEPTH_MAX} levels, nothing after the
item. What breaks a rule is refused before it is decoded.

A message is a map; key 0 is its number. Ids of offers and orders are 8 bytes. Amounts are integers in the currency's
minor unit. A *thumbprint* is the first 8 bytes of SHA-512 of a public key, a *digest* the first 16 bytes of SHA-512 of
a signed object as it was received.

A signed object is a COSE_Sign1 (RFC 9052) without a tag, protected header exactly {1: -8} (EdDSA, Ed25519), at most
${SIGNED_BYTES_MAX} bytes; its payload are CWT claims (RFC 8392), ours in one array under the private key -65537. The external data of
the signature is the text \`sluice/1 NAME\` with the object's sort, so that no signature serves for another sort. It is
checked over the bytes received. Public keys of small order and signatures with S >= L are refused.
`;
}

function envelope(story: Story): string {
  const { frames, messages, connection, epoch } = story;
  const shown: readonly (readonly [string, Uint8Array, string])[] = [
    [
      "First request: it holds `get-services`",
      frames["first request"],
      `Its plain text is \`${toHex(encodeMessage(messages["get-services"]))}\`, the consumer's key comes third.`,
    ],
    [
      "The reply to it: it holds `services`",
      frames.reply,
      `Its plain text is the example of \`services\` below; n is 1.`,
    ],
    [
      "A later request: it holds `select`",
      frames["later request"],
      "The device knows the connection's key by now.",
    ],
    [
      "A hint: the device has begun a new epoch",
      frames.hint,
      `The consumer seals request 3 anew for epoch ${epoch + 1} and shows its key again.`,
    ],
  ];
  const texts = shown.map(
    ([what, bytes, more]) =>
      `${what} (${bytes.length} bytes). ${more}\n\n\`\`\`\n${toHex(bytes)}\n\`\`\`\n\n\`\`\`\n${diagnostic(bytes)}\n\`\`\`\n`,
  );
  return `## Envelope

Requests, replies and pushes are sealed end to end in a NaCl box (X25519, XSalsa20-Poly1305) between the consumer's key
and the device's, which the certificate names. That authenticates both: only what must convince somebody else is signed.

| frame | CBOR | |
|---|---|---|
| request | \`[id, box]\` or \`[id, box, consumerKey]\` | id counts up within the connection; the key in the first one and after a hint |
| reply, push | \`[id, n, box]\` | id of the request that is answered, or that asked to be told; n counts up within the epoch, over all connections |
| hint | \`[id, 0, epoch]\` | "I cannot open this: send your key, for this epoch" |

The nonce, 24 bytes, is never sent. Both sides make it of what they know, numbers big-endian:

| bytes | what |
|---|---|
| 0 | 71 (q) for a request, 72 (r) for a reply or push |
| 1 to 8 | name of the connection, ASCII |
| 9 to 12 | epoch of the device: one more at each of its starts and when it has dealt with too many connections; told in its announcement and in hints |
| 13 to 16 | request id |
| 17 to 23 | n; 0 in a request |

No nonce serves twice under one key, and a frame of an old epoch does not open. A hint proves nothing: it only makes
the consumer seal the same message once more. A frame has at most ${FRAME_BYTES_MAX} bytes; the envelope adds at most ${REQUEST_OVERHEAD} to the message
of a request and ${REPLY_OVERHEAD} to that of a reply. Examples, on connection \`${connection}\` in epoch ${epoch}:

${texts.join("\n")}`;
}

function retries(): string {
  return `## Retries

Whoever asks repeats until answered: the same frame, byte by byte, after 1, 2, 4 and then every 8 s. A device answers
each request once and sends a repeated frame the same bytes again while it keeps them. An id may come late, after higher
ones; one that is more than 64 behind the highest, or was taken before, is dropped. Frames that do not open get a hint at a
limited rate only, and none while a new epoch is about to begin. What must happen once though connections and devices
come and go is keyed by what it is about:

| request | its key | repeated |
|---|---|---|
| \`pay\` | offer id | tells what became of that payment |
| \`begin\` | order, session number | the same grant; nothing is delivered twice |
| \`end\` | order, session number | never ends a later session |
| \`acknowledge\` | receipt number | acknowledged already |

\`metering\` is cumulative and safe to lose. \`receipts\` are repeated until they are acknowledged. The announcement is
retained by the broker, published again after every reconnect, and withdrawn by an empty message or by the will.
`;
}

/** How an order is paid while it is delivered. */
export function streamText({ frames }: Story): string {
  return `### Paying while it is delivered

A service with \`windowMax\` among its details can be paid unit by unit. The payer makes a chain of links of 16 bytes, one
for each unit of the order: the last is his secret, and link i - 1 is the first 16 bytes of SHA-512 of the text
\`sluice/1 link\`, the order's id (8 bytes), i (4 bytes, big-endian) and link i. Link 0, the root, stands in his commitment,
which comes with \`pay\`, and to whose digest his credential is bound in the place of the offer's. Link i pays for the first
i units of the order, over all its sessions. The secret is of this very offer: a device may give an order's id away
twice, and whoever used one secret for both would have shown it the links already.

\`begin\` says k (\`step\`) and w (\`window\`). The device delivers while fewer than the proved units and w more are delivered;
the payer lets go of a proof for every k units, max(0, k - w) units ahead of what is delivered. At the end of a session the
unit that was begun is proved too: for that the device waits two seconds, and tells it by \`metering\` with \`ended\`. What is
charged is what is delivered or what is proved, whichever is less, and the host is shown commitment and last proof.

A proof is a frame of its own, \`[units, link]\`, 19 to 21 bytes, under \`s1/p/DEVICE/CONN\`. It is not sealed, because it
proves itself, and has no answer; \`metering\` says how far the device has proof. Only the furthest one counts, so that a
lost, repeated or late one does no harm. One that is more than k + w units ahead of the last is not looked into.

Example, link 3 of the order's chain, ${frames.proof.length} bytes:

\`\`\`
${toHex(frames.proof)}
\`\`\`
`;
}

/** How a card is sealed to the payment host. */
export function credentialText(credential: Uint8Array): string {
  return `### Sealed credential

What \`pay\` carries for the payment host alone: a NaCl box between the consumer's key and the host's key that the
certificate names. The device cannot open it. Its nonce, 24 bytes: the letter \`c\` (63), the offer's id (8), the \`nonce\` of
the message (8), zeros. Its plain text, big-endian, binds it to one offer, amount and currency; the host refuses it for
any other, and a second time:

| bytes | what |
|---|---|
| 0 to 15 | digest of the signed offer; of the signed commitment where one comes with \`pay\` |
| 16 to 19 | total in the currency's minor unit |
| 20 to 22 | currency, ISO 4217 |
| 23, 24 | expiry of the card: year and month, two digits each, as numbers; 128 more than the month for a commitment |
| 25 to 36, at most 43 | card number, 12 to 19 ASCII digits |

Example, ${credential.length} bytes; at most ${44 + 16}:

\`\`\`
${toHex(credential)}
\`\`\`
`;
}
