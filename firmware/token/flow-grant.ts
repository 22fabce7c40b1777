// An operator's word on a flow service that runs outside the device's process: its id and key, in which stages it
// may take part, and what it may do there. A device serves no service without one.

import type { Crypto, Signer } from "../../hal/crypto.ts";
import { equalBytes } from "../bytes.ts";
import {
  bytes,
  field,
  flag,
  list,
  map,
  type Of,
  oneOf,
  text,
  tuple,
  uint,
} from "../protocol/schema.ts";
import { base64url } from "../protocol/topics.ts";
import { fail, ok, type Result } from "../result.ts";
import { deviceThumbprint } from "./certificate.ts";
import { decodeSign1 } from "./sign1.ts";
import { EXPIRES, OUR_CLAIMS, type SignedSort, sign, thumbprint, verify } from "./signed.ts";

/** COSE header parameter `kid` (RFC 9052 section 3.1). */
const KEY_ID = 4;
export const FLOW_GRANT_BYTES_MAX = 768;
export const SERVICE_ID_BYTES_MAX = 32;
const STAGE_MAX = 255;

export const SERVICE_ROLES = { "value-added": 1, payment: 2 } as const;
export type ServiceRole = keyof typeof SERVICE_ROLES;

const claims = map({
  /** Seconds since 1970. */
  expires: field(EXPIRES, uint(0xffff_ffff)),
  service: field(
    OUR_CLAIMS,
    tuple({
      id: text(SERVICE_ID_BYTES_MAX),
      boxKey: bytes(32),
      role: oneOf(SERVICE_ROLES),
      stages: list(uint(STAGE_MAX), 12),
      adjust: flag,
      pay: flag,
      methods: list(text(24), 16),
      card: flag,
      /** Thumbprint of the one device that it is good for; empty for every device of the operator. */
      device: bytes(0, 8),
      serial: uint(0xffff_ffff),
    }),
  ),
});

const FLOW_GRANT: SignedSort<Of<typeof claims>> = {
  name: "flow-grant",
  claims,
  bytesMax: FLOW_GRANT_BYTES_MAX,
};

export interface FlowGrant {
  /** Of the service: what flow configurations name. */
  id: string;
  /** X25519: whoever holds its secret is the service. */
  boxKey: Uint8Array;
  /** What it is called in topics and in lists of what was revoked: 11 characters, base64url of its key's thumbprint. */
  name: string;
  role: ServiceRole;
  /** Numbers of payment/model/stages.ts. */
  stages: readonly number[];
  /** It may change amounts. */
  adjust: boolean;
  /** It may pay. */
  pay: boolean;
  /** By which methods; empty: by any. */
  methods: readonly string[];
  /** Card data is sent to it. */
  card: boolean;
  /** The one device that it is good for; absent: every device of the operator. */
  device?: string;
  serial: number;
  expiresS: number;
}

export function serviceName(crypto: Crypto, boxKey: Uint8Array): string {
  return base64url(thumbprint(crypto, boxKey));
}

export function issueFlowGrant(
  grant: Omit<FlowGrant, "name">,
  operator: Signer,
  crypto: Crypto,
): Uint8Array {
  const { expiresS, device, stages, methods, ...plain } = grant;
  const named = device === undefined ? new Uint8Array(0) : deviceThumbprint(device);
  if (named === undefined) throw new Error("assertion failed: a device is named by its thumbprint");
  const service = { ...plain, stages: [...stages], methods: [...methods], device: named };
  const keyId = new Map([[KEY_ID, thumbprint(crypto, operator.publicKey)]]);
  return sign(FLOW_GRANT, { expires: expiresS, service }, operator, keyId);
}

function fromClaims({ service, expires }: Of<typeof claims>, crypto: Crypto): FlowGrant {
  const { device, ...plain } = service;
  return {
    ...plain,
    name: serviceName(crypto, service.boxKey),
    expiresS: expires,
    ...(device.length > 0 && { device: base64url(device) }),
  };
}

/** Errors: those of `verify`, and `untrusted` when it names another operator. Expiry and device are the caller's. */
export function verifyFlowGrant(
  signed: Uint8Array,
  operatorKey: Uint8Array,
  crypto: Crypto,
): Result<FlowGrant> {
  const sign1 = decodeSign1(signed, FLOW_GRANT_BYTES_MAX);
  const named = sign1.ok ? sign1.value.unprotected.get(KEY_ID) : undefined;
  if (named instanceof Uint8Array && !equalBytes(named, thumbprint(crypto, operatorKey))) {
    return fail("untrusted", "the grant was made by another operator", "flow-grant");
  }
  const read = verify(FLOW_GRANT, signed, operatorKey, crypto);
  if (!read.ok) return read;
  const { id, device } = read.value.service;
  if (id === "") return fail("malformed", "the grant names no service", "flow-grant.service.id");
  if (device.length !== 0 && device.length !== 8) {
    return fail("malformed", "a device is named by 8 bytes", "flow-grant.service.device");
  }
  return ok(fromClaims(read.value, crypto));
}
