// The Crypto port on a board: Ed25519 and SHA-512 by the system's library through node:crypto, some fifty
// times faster than the portable one, and the box from there. Keys are imported once and kept, because the
// import costs as much as the check.

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from "node:crypto";
import type { Crypto, Signer } from "../crypto.ts";
import { isSafeEd25519Key, isSafeEd25519Signature } from "../drivers/ed25519-guard.ts";
import { naclBox, sharedOfPoint } from "../drivers/nacl-crypto.ts";

/** Imported public keys kept at once; the one longest unused makes room. */
const KEYS_MAX = 256;

/** Holds no more than the imported keys. A seed of a wrong length, which is our own doing, throws. */
export function openNodeCrypto(): Crypto {
  const keys = new Map<string, KeyObject>();

  const keyObject = (publicKey: Uint8Array): KeyObject => {
    const name = Buffer.from(publicKey).toString("base64url");
    const key =
      keys.get(name) ??
      createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: name }, format: "jwk" });
    keys.delete(name);
    keys.set(name, key);
    if (keys.size > KEYS_MAX) keys.delete(keys.keys().next().value ?? "");
    return key;
  };

  return {
    signer,
    verify(publicKey, message, signature) {
      if (!isSafeEd25519Key(publicKey) || !isSafeEd25519Signature(signature)) return false;
      try {
        return verifyWith(null, message, keyObject(publicKey), signature);
      } catch {
        // Libraries of some versions refuse bytes that are no point at import instead of at the check.
        return false;
      }
    },
    digest,
    ...naclBox,
    boxPublicKey: (secretKey) => publicBytes(createPublicKey(boxPrivateKey(secretKey))),
    boxShared,
  };
}

/** In one call, without an object for the hash in between: a check of a payer's proof is hardly more than this. */
function digest(message: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = hash("sha512", message, "buffer");
  return new Uint8Array(buffer, byteOffset, length);
}

/** PKCS8 and SPKI heads of an X25519 key (RFC 8410 4 and 7). */
const X25519_PKCS8_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const X25519_SPKI_HEAD = Buffer.from("302a300506032b656e032100", "hex");

function boxPrivateKey(secretKey: Uint8Array): KeyObject {
  if (secretKey.length !== 32) throw new RangeError("an X25519 secret has 32 bytes");
  const key = Buffer.concat([X25519_PKCS8_HEAD, secretKey]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The costly half by the system's library, the rest as NaCl has it: five times faster, the same bytes. */
function boxShared(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== 32) return undefined;
  const privateKey = boxPrivateKey(secretKey);
  const spki = Buffer.concat([X25519_SPKI_HEAD, publicKey]);
  try {
    const peer = createPublicKey({ key: spki, format: "der", type: "spki" });
    return sharedOfPoint(new Uint8Array(diffieHellman({ privateKey, publicKey: peer })));
  } catch {
    // A point of small order: the library refuses a shared secret of zeros (RFC 7748 6.1).
    return undefined;
  }
}

/** The public key ends the SPKI form (RFC 8410 4). */
function publicBytes(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(-32));
}

/** What stands before the 32 bytes of seed in a PKCS8 key (RFC 8410 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

function signer(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new RangeError("an Ed25519 seed has 32 bytes");
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, seed]),
    format: "der",
    type: "pkcs8",
  });
  return {
    publicKey: publicBytes(createPublicKey(key)),
    sign: (message) => new Uint8Array(signWith(null, message, key)),
  };
}
