// What some bytes are, of all that we send, sign or keep: judged by the topic they came on, else by their
// shape. Nothing here is checked by a key and nothing is opened: this is for looking only.

import { checkCbor, RFC8949_BYTES_MAX } from "../firmware/protocol/cbor-check.ts";
import { readCborTree } from "../firmware/protocol/cbor-tree.ts";
import { diagnostic } from "../firmware/protocol/diagnostic.ts";
import { decodeReply, decodeRequest } from "../firmware/protocol/envelope.ts";
import { decodeFlowFrame, FLOW_FRAME_BYTES_MAX } from "../firmware/protocol/flow-frames.ts";
import { decodeMessage } from "../firmware/protocol/message-codec.ts";
import { FRAME_BYTES_MAX } from "../firmware/protocol/messages.ts";
import { decodeProof } from "../firmware/protocol/stream-proof.ts";
import { parseTopic, type Topic } from "../firmware/protocol/topics.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { peekAnnouncement } from "../firmware/token/announcement.ts";
import { peekCertificate } from "../firmware/token/certificate.ts";
import { peekToken } from "../firmware/token/delivery-token.ts";
import { peekOffer } from "../firmware/token/offer.ts";
import { peekPrepaid } from "../firmware/token/prepaid-token.ts";
import { peekReceipt } from "../firmware/token/receipt.ts";
import type { Crypto } from "../hal/crypto.ts";

export type FrameKind =
  | "withdrawal"
  | "announcement"
  | "request"
  | "reply"
  | "proof"
  | "hint"
  | "message"
  | "certificate"
  | "offer"
  | "token"
  | "prepaid token"
  | "receipt"
  | "flow frame"
  | "plain CBOR";

export interface Frame {
  kind: FrameKind;
  /** Named fields where the kind has them. Bytes as they stand; boxes stay sealed. */
  fields: Readonly<Record<string, unknown>>;
  diagnostic: string;
  /** Why our own strict form refuses these bytes, if it does. */
  strict?: string;
}

/** Never throws. Errors: `malformed` for what is no CBOR, or is not what its topic carries; `too-large`. */
export function readFrame(
  bytes: Uint8Array,
  topic: string | undefined,
  crypto: Crypto,
): Result<Frame> {
  const parsed = topic === undefined ? undefined : parseTopic(topic);
  if (topic !== undefined && parsed === undefined) {
    return fail(
      "malformed",
      "that is no topic of ours: s1/a/DEVICE, s1/q/DEVICE/CONN, s1/p/DEVICE/CONN or s1/r/CONN",
      "topic",
    );
  }
  if (bytes.length === 0 && parsed?.is === "announcement") {
    return ok({ kind: "withdrawal", fields: { device: parsed.device }, diagnostic: "" });
  }
  if (bytes.length > RFC8949_BYTES_MAX) {
    return fail(
      "too-large",
      `${bytes.length} bytes; nothing of ours is above ${RFC8949_BYTES_MAX}`,
    );
  }
  if (readCborTree(bytes) === undefined) {
    const why = checkCbor(bytes, { profile: "rfc8949", bytesMax: RFC8949_BYTES_MAX });
    return fail(
      "malformed",
      `${bytes.length} bytes that are no CBOR item (${why ?? "not well formed"})`,
    );
  }
  const isFlow = parsed?.is === "to-service" || parsed?.is === "from-service";
  const bytesMax = isFlow ? FLOW_FRAME_BYTES_MAX : FRAME_BYTES_MAX;
  const strict = checkCbor(bytes, { profile: "sluice", bytesMax });
  const shown = { diagnostic: diagnostic(bytes), ...(strict === undefined ? {} : { strict }) };
  const read =
    parsed === undefined ? ok(readAny(bytes, crypto)) : readByTopic(bytes, parsed, crypto);
  return read.ok ? ok({ ...read.value, ...shown }) : read;
}

type Named = Pick<Frame, "kind" | "fields">;

function readByTopic(bytes: Uint8Array, topic: Topic, crypto: Crypto): Result<Named> {
  switch (topic.is) {
    case "announcement": {
      const read = peekAnnouncement(bytes);
      if (!read.ok) return read;
      return ok({ kind: "announcement", fields: announced(read.value, crypto) });
    }
    case "request": {
      const read = decodeRequest(bytes);
      return read.ok
        ? ok({ kind: "request", fields: { ...topicFields(topic), ...read.value } })
        : read;
    }
    case "proof": {
      const read = decodeProof(bytes);
      return read.ok
        ? ok({ kind: "proof", fields: { ...topicFields(topic), ...read.value } })
        : read;
    }
    case "reply": {
      const read = decodeReply(bytes);
      if (!read.ok) return read;
      const kind = "box" in read.value ? "reply" : "hint";
      return ok({ kind, fields: { ...topicFields(topic), ...read.value } });
    }
    case "to-service":
    case "from-service": {
      const read = decodeFlowFrame(bytes);
      if (!read.ok) return read;
      return ok({ kind: "flow frame", fields: { ...topicFields(topic), ...read.value } });
    }
  }
}

function topicFields({ is: _, ...fields }: Topic): Record<string, unknown> {
  return fields;
}

/** An announcement's fields, its certificate's among them. */
function announced(
  claims: { certificate: Uint8Array },
  crypto: Crypto,
): Readonly<Record<string, unknown>> {
  const certificate = peekCertificate(claims.certificate, crypto);
  return certificate.ok ? { ...claims, certificate: certificate.value } : { ...claims };
}

/** By shape. The order matters: an offer's claims begin as a token's do, so the longer one comes first. */
function readAny(bytes: Uint8Array, crypto: Crypto): Named {
  const message = decodeMessage(bytes);
  if (message.ok) {
    const { is, ...fields } = message.value;
    return { kind: "message", fields: { message: is, ...fields } };
  }
  const certificate = peekCertificate(bytes, crypto);
  if (certificate.ok) return { kind: "certificate", fields: { ...certificate.value } };
  const announcement = peekAnnouncement(bytes);
  if (announcement.ok)
    return { kind: "announcement", fields: announced(announcement.value, crypto) };
  const offer = peekOffer(bytes);
  if (offer.ok) return { kind: "offer", fields: { ...offer.value } };
  const prepaid = peekPrepaid(bytes);
  if (prepaid.ok) return { kind: "prepaid token", fields: { ...prepaid.value } };
  const token = peekToken(bytes);
  if (token.ok) return { kind: "token", fields: { ...token.value } };
  const receipt = peekReceipt(bytes);
  if (receipt.ok) return { kind: "receipt", fields: { ...receipt.value } };
  const request = decodeRequest(bytes);
  if (request.ok) return { kind: "request", fields: { ...request.value } };
  const reply = decodeReply(bytes);
  if (!reply.ok) return { kind: "plain CBOR", fields: {} };
  return { kind: "box" in reply.value ? "reply" : "hint", fields: { ...reply.value } };
}
