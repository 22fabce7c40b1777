// A device's announcement: its certificate, name, protocol minor version and epoch, signed by the device.
// The epoch is part of every nonce, and rises at each start or oftener (protocol/envelope.ts).

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { SIGNED_BYTES_MAX } from "../protocol/messages.ts";
import { bytes, field, map, type Of, text, tuple, uint } from "../protocol/schema.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Certificate, verifyCertificate } from "./certificate.ts";
import { OUR_CLAIMS, peek, type SignedSort, sign, verify } from "./signed.ts";

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
});

export type AnnouncementClaims = Of<typeof claims>["device"];
export const ANNOUNCEMENT: SignedSort<Of<typeof claims>> = { name: "announcement", claims };

export interface Announcement extends AnnouncementClaims {
  verified: Certificate;
}

export function signAnnouncement(claimed: AnnouncementClaims, device: Signer): Uint8Array {
  return sign(ANNOUNCEMENT, { device: claimed }, device);
}

/** The claims, unchecked: to find the operator that the certificate names. Never acted upon. */
export function peekAnnouncement(signed: Uint8Array): Result<AnnouncementClaims> {
  const read = peek(ANNOUNCEMENT, signed);
  return read.ok ? ok(read.value.device) : read;
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
  return read.ok ? ok({ ...read.value.device, verified: certificate.value }) : read;
}
