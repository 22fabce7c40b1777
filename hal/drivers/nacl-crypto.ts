// The Crypto port by tweetnacl alone: for where there is no crypto of the system's (a browser, QuickJS), as
// the cross-check of the one that uses it, and for the box, which the system's crypto does not have.
// The only file that knows tweetnacl.

import nacl from "tweetnacl";
import type { Crypto, Signer } from "../crypto.ts";
import { isSafeEd25519Key, isSafeEd25519Signature } from "./ed25519-guard.ts";

/** Needs nothing and holds nothing. Lengths are checked: a wrong one of our own making throws. */
export function openNaclCrypto(): Crypto {
  return { signer, verify, digest: (message) => nacl.hash(message), ...naclBox };
}

/** X25519 with XSalsa20-Poly1305, also the half that the other implementation takes from here. */
export const naclBox: Pick<Crypto, "boxPublicKey" | "boxShared" | "seal" | "open"> = {
  boxPublicKey: (secretKey) => nacl.scalarMult.base(secretKey),
  boxShared,
  seal: (message, nonce, sharedKey) => nacl.box.after(message, nonce, sharedKey),
  open: (box, nonce, sharedKey) => nacl.box.open.after(box, nonce, sharedKey) ?? undefined,
};

/** The rest of `nacl.box.before`, for whoever has computed the point of both keys by other means. */
export function sharedOfPoint(point: Uint8Array): Uint8Array {
  const shared = new Uint8Array(32);
  // HSalsa20 of 16 zeros under the point: the first step of every XSalsa20 (NaCl, crypto_box_beforenm).
  lowlevel.crypto_core_hsalsa20(shared, new Uint8Array(16), point, SIGMA);
  return shared;
}

const SIGMA = new TextEncoder().encode("expand 32-byte k");

/** What the library exports beside its typed interface. */
const { lowlevel } = nacl as unknown as {
  lowlevel: {
    crypto_core_hsalsa20(out: Uint8Array, input: Uint8Array, key: Uint8Array, c: Uint8Array): void;
  };
};

function signer(seed: Uint8Array): Signer {
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
  return { publicKey, sign: (message) => nacl.sign.detached(message, secretKey) };
}

function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isSafeEd25519Key(publicKey) || !isSafeEd25519Signature(signature)) return false;
  return nacl.sign.detached.verify(message, signature, publicKey);
}

/** What every public key of small order leads to (RFC 7748 6.1: an all-zero secret), whatever our own key is. */
let zeroShared: Uint8Array | undefined;

function boxShared(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== nacl.box.publicKeyLength) return undefined;
  zeroShared ??= nacl.box.before(new Uint8Array(32), new Uint8Array(32));
  const shared = nacl.box.before(publicKey, secretKey);
  return nacl.verify(shared, zeroShared) ? undefined : shared;
}
