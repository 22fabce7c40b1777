// A device's announcement: its certificate, name, protocol minor version and epoch, and the types of its
// services, signed by the device. The epoch is part of every nonce, and rises at each start or oftener
// (protocol/envelope.ts).

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { SIGNED_BYTES_MAX } from "../protocol/messages.ts";
import {
  bytes,
  field,
  list,
  map,
  type Of,
  optional,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Certificate, verifyCertificate } from "./certificate.ts";
import { OUR_CLAIMS, OUR_DETAILS, peek, type SignedSort, sign, verify } from "./signed.ts";

export const TYPES_MAX = 8;
export const TYPE_BYTES_MAX = 16;
/** Of the whole, when it names types. */
export const ANNOUNCEMENT_BYTES_MAX = SIGNED_BYTES_MAX + 160;

const claims = map({
  device: field(
    OUR_CLAIMS,
    tuple({
      certificate: bytes(1, SIGNED_BYTES_MAX - 128),
      minor: uint(0xffff),
      epoch: uint(0xffff_ffff),
      name: text(32),
    }),
  ),
  detail: optional(OUR_DETAILS, map({ types: field(1, list(text(TYPE_BYTES_MAX), TYPES_MAX)) })),
});

export interface AnnouncementClaims extends Readonly<Of<typeof claims>["device"]> {
  /** What sorts of service it sells, so that one can be looked for; absent where they have none. */
  types?: readonly string[];
}
export const ANNOUNCEMENT: SignedSort<Of<typeof claims>> = {
  name: "announcement",
  claims,
  bytesMax: ANNOUNCEMENT_BYTES_MAX,
};

export interface Announcement extends AnnouncementClaims {
  verified: Certificate;
}

export function signAnnouncement(claimed: AnnouncementClaims, device: Signer): Uint8Array {
  const { types = [], ...plain } = claimed;
  const detail = types.length === 0 ? {} : { detail: { types: [...types] } };
  return sign(ANNOUNCEMENT, { device: plain, ...detail }, device);
}

function fromClaims({ device, detail }: Of<typeof claims>): AnnouncementClaims {
  return detail === undefined ? device : { ...device, types: detail.types };
}

/** What an announcement tells of the types of these services: each once, as many as it has room for. */
export function announcedTypes(services: readonly { type?: string }[]): readonly string[] {
  const types = services.flatMap(({ type }) => (type === undefined ? [] : [type]));
  return [...new Set(types)].slice(0, TYPES_MAX);
}

/** The claims, unchecked: to find the operator that the certificate names. Never acted upon. */
export function peekAnnouncement(signed: Uint8Array): Result<AnnouncementClaims> {
  const read = peek(ANNOUNCEMENT, signed);
  return read.ok ? ok(fromClaims(read.value)) : read;
}

/**
 * Checks the certificate against the operator's key, then the announcement against the certificate's, and
 * that it stands under its own device's topic. Errors: those of `verify`, `untrusted`, `wrong-device`.
 */
export function verifyAnnouncement(
  signed: Uint8Array,
  topicDevice: string,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<Announcement> {
  const claimed = peekAnnouncement(signed);
  if (!claimed.ok) return claimed;
  const certificate = verifyCertificate(claimed.value.certificate, operatorKey, crypto);
  if (!certificate.ok) return certificate;
  if (certificate.value.device !== topicDevice) {
    return fail("wrong-device", "the announcement stands under another device's topic", "device");
  }
  const read = verify(ANNOUNCEMENT, signed, certificate.value.signKey, crypto);
  return read.ok ? ok({ ...fromClaims(read.value), verified: certificate.value }) : read;
}
