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
